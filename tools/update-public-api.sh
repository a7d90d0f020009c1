#!/usr/bin/env bash
# Adds the public members that a change brings to PublicAPI.Unshipped.txt, and drops those that are gone. Review the diff:
# it is what users will see.
set -euo pipefail
cd "$(dirname "$0")/.."
for project in src/OptimSharp src/OptimSharp.Cuda src/OptimSharp.Distributed src/OptimSharp.TensorBoard src/OptimSharp.Testing src/OptimSharp.Torch; do
  file=$project/PublicAPI.Unshipped.txt
  for pass in 1 2 3; do # a type's members are reported once the type is known
    log=$(dotnet build "$project" --no-incremental -p:TreatWarningsAsErrors=false 2>&1 | grep -F "[$PWD/$project/$(basename "$project").csproj]" || true)
    added=$(grep -oP "RS0016: Symbol '\K.*(?=' is not part of the declared public API)" <<<"$log" | sort -u || true)
    gone=$(grep -oP "RS0017: Symbol '\K.*(?=' is part of the declared API, but)" <<<"$log" | sort -u || true)
    [ -z "$added$gone" ] && [ "$pass" -gt 1 ] && break
    { # also on the first pass when nothing changed: a merge may leave lines twice
      echo '#nullable enable'
      { { grep -v '^#' "$file" || true; } | grep -vxF -f <(echo "${gone:-<none>}") || true; echo "$added"; } | grep -v '^$' | LC_ALL=C sort -u
    } >"$file.new"
    mv "$file.new" "$file"
  done
done
