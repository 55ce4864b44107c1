#!/bin/sh
# Makes the Vectorize index, which no Terraform provider has. Running it again changes nothing. Tenants are kept apart by
# namespaces, and what is filtered is filtered by Sluice, so no metadata index is needed.
#
#   infra/vectorize.sh [NAME [DIMENSIONS]]     # sluice-vectors, 256: the dimensions of builtin/static
set -eu
name=${1:-sluice-vectors}
dimensions=${2:-256}
wrangler=${WRANGLER:-npx wrangler@4.86}

case $dimensions in
  '' | *[!0-9]*) echo "error: dimensions is a number, not \"$dimensions\"" >&2; exit 1 ;;
esac

known=$($wrangler vectorize list --json)
if printf '%s' "$known" | grep -q "\"name\": *\"$name\""; then
  echo "index $name exists"
else
  $wrangler vectorize create "$name" --dimensions="$dimensions" --metric=cosine
fi
cat <<END
for both manifests:

[[vectorize]]
binding = "VECTORS"
index_name = "$name"
END
