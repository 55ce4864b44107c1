//! The vocabulary of Sluice: chat, events, usage, money, errors, secrets.
