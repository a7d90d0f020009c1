#!/usr/bin/env bash
# Makes the files of a release in artifacts/release: packages with symbols, a bill of materials for each, and checksums. The version is that of the tag on this commit: docs/releases.md.
# "tools/release.sh --try" does the same for a commit without a tag.
set -euo pipefail
cd "$(dirname "$0")/.."
trying=${1:-}
out=$PWD/artifacts/release
stop() { echo "$1" >&2; exit 1; }

[ -z "$trying" ] || [ "$trying" = --try ] || stop "usage: tools/release.sh [--try]"
if [ -z "$trying" ]; then
  [ -z "$(git status --porcelain)" ] || stop "There are changes that are not committed: a release is of what everyone can get."
  tag=$(git describe --exact-match --tags --match 'v[0-9]*' 2>/dev/null) || stop "There is no tag such as v0.1.0 on this commit."
  grep -qE "^## ${tag#v} — [0-9]{4}-[0-9]{2}-[0-9]{2}$" CHANGELOG.md || stop "CHANGELOG.md has no heading \"## ${tag#v} — \" with the day."
fi

export CI=true DOTNET_NOLOGO=1 DOTNET_CLI_TELEMETRY_OPTOUT=1
commit=$(git rev-parse HEAD)
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct "$commit") # the time that packages give their files
export SOURCE_DATE_EPOCH
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -rf "$out"
mkdir -p "$out"

# Twice, from clones in different folders: what comes out is the commit's, and not that of a folder or a minute.
for copy in one another/folder; do
  git clone -q "file://$PWD" "$work/$copy/source"
  git -C "$work/$copy/source" checkout -q --detach "$commit"
  if origin=$(git remote get-url origin 2>/dev/null); then git -C "$work/$copy/source" remote set-url origin "$origin"; else git -C "$work/$copy/source" remote remove origin; fi # symbols name it
  for project in "$work/$copy/source"/src/*/*.csproj; do
    dotnet pack "$project" -c Release -o "$work/$copy/packages" -warnaserror -v quiet
  done
done
for package in "$work"/one/packages/*; do
  cmp "$package" "$work/another/folder/packages/$(basename "$package")" || stop "$(basename "$package") is not the same when it is packed again."
done
cp "$work"/one/packages/* "$out"

dotnet tool restore >/dev/null
for project in "$work"/one/source/src/*/*.csproj; do
  id=$(basename "$project" .csproj)
  package=$(cd "$out" && ls "$id".[0-9]*.nupkg)
  version=${package#"$id".} version=${version%.nupkg}
  bill=$id.$version.cdx.json
  dotnet restore "$project" -p:Version="$version" -v quiet # so that the bill has our other packages in this version
  dotnet dotnet-CycloneDX "$project" --output "$out" --filename "$bill" --output-format Json --no-serial-number --disable-package-restore \
    --exclude-dev --include-project-references --set-name "$id" --set-version "$version" --set-type Library --set-nuget-purl >"$work/log" 2>&1 || { cat "$work/log"; stop "There is no bill of materials for $id."; }
  ! grep -oE 'pkg:nuget/OptimSharp[A-Za-z.]*@[^"]*' "$out/$bill" | grep -vF "@$version" || stop "$bill names another version of ours."
done
(cd "$out" && sha256sum -- *.nupkg *.snupkg *.cdx.json >SHA256SUMS)
ls -l "$out"
