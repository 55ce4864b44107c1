output "sluice" {
  description = "For `cargo xtask configure`."
  value       = module.sluice.sluice
}
