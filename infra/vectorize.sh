#!/bin/sh
# Makes the Vectorize index, which no Terraform provider has, and the metadata indexes that filters need. Metadata
# indexes hold only for vectors written after them, so they come first. Running it again changes nothing.
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

known=$($wrangler vectorize list-metadata-index "$name" --json)
for property in file:string space:string; do
  if printf '%s' "$known" | grep -q "\"propertyName\": *\"${property%%:*}\""; then
    echo "metadata index ${property%%:*} exists"
  else
    $wrangler vectorize create-metadata-index "$name" --property-name="${property%%:*}" --type="${property##*:}"
  fi
done
