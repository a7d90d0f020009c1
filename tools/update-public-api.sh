#!/usr/bin/env bash
# Adds the public members that a change brings to PublicAPI.Unshipped.txt, and drops those that are gone. Review the diff:
# it is what users will see.
set -euo pipefail
cd "$(dirname "$0")/.."
for project in src/OptimSharp/ src/OptimSharp.Torch/; do
  file=$project/PublicAPI.Unshipped.txt
  while true; do
    log=$(dotnet build "$project" --no-incremental -p:TreatWarningsAsErrors=false -p:WarningsAsErrors= 2>&1 | grep -F "$(basename "$project").csproj]" || true) # not of projects that it builds first
    added=$(grep -oP "RS0016: Symbol '\K.*(?=' is not part of the declared public API)" <<<"$log" | sort -u || true)
    gone=$(grep -oP "RS0017: Symbol '\K.*(?=' is part of the declared API, but)" <<<"$log" | sort -u || true)
    [ -z "$added$gone" ] && break
    { echo '#nullable enable'; { grep -v '^#' "$file" || true; echo "$added"; } | grep -vxF -f <(echo "${gone:-<none>}") | grep -v '^$' | LC_ALL=C sort -u; } >"$file.new"
    cmp -s "$file" "$file.new" && { rm "$file.new"; break; }
    mv "$file.new" "$file"
  done
done
