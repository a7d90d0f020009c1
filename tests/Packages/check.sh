#!/usr/bin/env bash
# Packs the packages and uses them as a program elsewhere would: from a folder of packages, outside this repository, with
# nothing of the repository's settings. Needs Linux on x64, the .NET SDK and, for the notebook, python3-nbclient. Ends with "N passed, N failed".
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
passed=0 failed=0

check() { # NAME COMMAND…: shows what the command wrote when it fails
  local name=$1; shift
  if "$@" >"$work/log" 2>&1; then
    passed=$((passed + 1)); echo "passed  $name"
  else
    failed=$((failed + 1)); echo "FAILED  $name"; sed 's/^/        /' "$work/log"
  fi
}

# A version that no cache can have, and a packages folder of this run's own; what is in the user's is not downloaded again.
export OptimSharpVersion=0.0.0-check.$(date +%s).$$
cache=$(dotnet nuget locals global-packages --list | sed 's/^global-packages: *//')
trap 'rm -rf "$work" "$cache"/optimsharp*/"$OptimSharpVersion"' EXIT
export NUGET_PACKAGES=$work/packages
mkdir -p "$work/feed" "$NUGET_PACKAGES" "$cache"
cat >"$work/NuGet.config" <<XML
<configuration>
  <packageSources>
    <add key="packed" value="$work/feed" />
  </packageSources>
  <fallbackPackageFolders>
    <add key="cache" value="$cache" />
  </fallbackPackageFolders>
</configuration>
XML
# Should the temporary folder lie below someone's settings: these come first.
for file in Directory.Build.props Directory.Build.targets Directory.Packages.props; do echo '<Project />' >"$work/$file"; done
cp -r "$here"/*/ "$work"
cp "$root/samples/YourOwnOptimizer/Lion.cs" "$work/Testing"

pack() { # PROJECT: without a warning
  (unset NUGET_PACKAGES; dotnet pack "$root/src/$1" -c Release -o "$work/feed" -p:Version="$OptimSharpVersion" -warnaserror)
}

# Restored packages lie unpacked in the packages folder.
has() { # ID FILE…
  local folder=$NUGET_PACKAGES/${1,,}/$OptimSharpVersion file; shift
  for file in "$@"; do [ -s "$folder/$file" ] || { echo "$folder has no $file"; return 1; }; done
}
has_symbols() { grep -qaF "lib/net10.0/$1.pdb" "$work/feed/$1.$OptimSharpVersion.snupkg"; }
has_entries() { # ID ENTRY…: of the package itself
  local package=$work/feed/$1.$OptimSharpVersion.nupkg entry; shift
  for entry in "$@"; do grep -qaF "$entry" "$package" || { echo "$package has no $entry"; return 1; }; done
}
depends_on() { # ID "DEPENDENCY VERSION"…: on these and nothing else
  local nuspec=$NUGET_PACKAGES/${1,,}/$OptimSharpVersion/${1,,}.nuspec; shift
  diff <(printf '%s\n' "$@" | sort) <(grep -oP '<dependency id="\K[^>]*' "$nuspec" | sed -E 's/" version="([^"]*)".*/ \1/' | sort)
}
licensed() { grep -q '<license type="expression">MIT</license>' "$NUGET_PACKAGES/${1,,}/$OptimSharpVersion/${1,,}.nuspec"; }

build() { # FOLDER ARGUMENT…
  local folder=$1; shift
  # libtorch is large: link to it rather than copy it
  dotnet build "$work/$folder" -c Release -p:CreateHardLinksForCopyLocalIfPossible=true "$@"
}
run() { dotnet run --no-build -c Release --project "$work/$1"; }
is_ambiguous() { # FOLDER TYPE…: building fails, and for this reason
  local folder=$1 type; shift
  build "$folder" --no-incremental -p:OptimSharpAliases=false && return 1
  for type in "$@"; do grep -q "error CS0104: '$type' is an ambiguous reference between '.*\b$type' and '.*\b$type'" "$work/log" || return 1; done
}

version_of() { grep -oP "PackageVersion Include=\"$1\" Version=\"\K[^\"]*" "$root/Directory.Packages.props"; }

for id in OptimSharp OptimSharp.Cuda OptimSharp.Distributed OptimSharp.TensorBoard OptimSharp.Testing OptimSharp.Torch OptimSharp.Tool OptimSharp.Templates; do check "$id packs" pack $id; done
check "a program with OptimSharp alone builds" build Memory
check "a program with OptimSharp alone trains" run Memory
check "a program with OptimSharp.Cuda builds" build Cuda
check "a program with OptimSharp.Cuda trains, or says that there is no driver" run Cuda
check "a program with OptimSharp.Distributed builds" build Ranks
check "a program with OptimSharp.Distributed trains on ranks" run Ranks
check "a program with OptimSharp.TensorBoard builds" build TensorBoard
check "a program with OptimSharp.TensorBoard finds a rate, trains and logs" run TensorBoard
check "a program with OptimSharp.Testing builds" build Testing
check "a program with OptimSharp.Testing checks optimizers" run Testing
check "a program with OptimSharp.Torch, OptimSharp.TensorBoard and TorchSharp.Modules builds" build Torch
check "a program with OptimSharp.Torch, OptimSharp.TensorBoard and TorchSharp.Modules trains and logs" run Torch
check "without the aliases it would be ambiguous" is_ambiguous Torch SGD SummaryWriter
sed -i "s/VERSION/$OptimSharpVersion/" "$work/SingleFile/program.cs"
check "a program in one file with a model, a Parameter and optimizers trains" dotnet run -p:CreateHardLinksForCopyLocalIfPossible=true "$work/SingleFile/program.cs"
check "a program with a library that has OptimSharp.Torch builds" build Transitive/Program
check "a program with a library that has OptimSharp.Torch trains" run Transitive/Program
for id in OptimSharp OptimSharp.Cuda OptimSharp.Distributed OptimSharp.TensorBoard OptimSharp.Testing OptimSharp.Torch; do
  check "$id has readme, licence and documentation" has $id README.md LICENSE lib/net10.0/$id.dll lib/net10.0/$id.xml
  check "$id says its licence" licensed $id
  check "$id has symbols" has_symbols $id
done
check "OptimSharp depends on System.Numerics.Tensors only" depends_on OptimSharp "System.Numerics.Tensors $(version_of System.Numerics.Tensors)"
check "OptimSharp.Cuda depends on OptimSharp only" depends_on OptimSharp.Cuda "OptimSharp $OptimSharpVersion"
check "OptimSharp.Distributed depends on OptimSharp only" depends_on OptimSharp.Distributed "OptimSharp $OptimSharpVersion"
check "OptimSharp.TensorBoard depends on OptimSharp and Google.Protobuf only" depends_on OptimSharp.TensorBoard "OptimSharp $OptimSharpVersion" "Google.Protobuf $(version_of Google.Protobuf)"
check "OptimSharp.Testing depends on OptimSharp only" depends_on OptimSharp.Testing "OptimSharp $OptimSharpVersion"
check "OptimSharp.Torch depends on OptimSharp, OptimSharp.Cuda and TorchSharp only" depends_on OptimSharp.Torch "OptimSharp $OptimSharpVersion" "OptimSharp.Cuda $OptimSharpVersion" "TorchSharp $(version_of TorchSharp)"


# The tool: installed from the folder, and run from another one.
optimsharp() { (cd "$work/tool-run" && DOTNET_ROOT=$(dirname "$(readlink -f "$(command -v dotnet)")") "$work/tool/optimsharp" "$@"); }
ends_with() { # CODE COMMAND…
  local code=$1 got=0; shift
  "$@" || got=$?
  [ $got -eq $code ] || { echo "it ended with $got, not $code"; return 1; }
}
shows() { # TEXT COMMAND…
  local text=$1; shift
  "$@" | grep -F -- "$text"
}
mkdir -p "$work/tool-run" && cp -r "$root"/tests/fixtures/tool/* "$work/tool-run"
check "OptimSharp.Tool installs" dotnet tool install OptimSharp.Tool --tool-path "$work/tool" --version "$OptimSharpVersion" --configfile "$work/NuGet.config"
check "optimsharp says its version" shows "$OptimSharpVersion" optimsharp --version
check "optimsharp looks into a checkpoint" shows "model.embed.weight" optimsharp checkpoint inspect lightning.ckpt
check "optimsharp converts" optimsharp checkpoint convert epoch2.pt model.safetensors
check "optimsharp finds no difference" ends_with 0 optimsharp checkpoint diff epoch2.pt model.safetensors
check "optimsharp finds a difference" ends_with 1 optimsharp checkpoint diff epoch1.pt epoch2.pt
check "optimsharp finds damage" ends_with 1 optimsharp checkpoint verify changed.pt
check "optimsharp refuses a missing file" ends_with 2 optimsharp checkpoint stat nothing.pt
check "optimsharp draws a schedule" optimsharp schedule "StepLR(30)" --png schedule.png
check "optimsharp plans" shows "AdamW" optimsharp plan gpt2-shapes.pt
check "optimsharp has readme and licence" has_entries OptimSharp.Tool README.md LICENSE tools/net10.0/any/OptimSharp.Tool.dll

# The template: a program made from it trains, and goes on.
new() { dotnet new "$@" --debug:custom-hive "$work/hive"; }
train() { dotnet run --no-build -c Release --project "$work/Own" -- --epochs 3 --output "$work/own-run"; }
goes_on() { train >"$work/again" && grep -x "goes on after epoch 3" "$work/again" && grep -xF "$(grep '^test accuracy' "$work/own")" "$work/again"; }
keeps_the_best() { # the accuracy rises: the best is among the last two
  ls "$work/own-run/checkpoints"
  [ "$(ls "$work/own-run/checkpoints" | cut -d_ -f1 | xargs)" = "checkpoint-000000002 checkpoint-000000003" ]
}
check "the template installs" new install "$work/feed/OptimSharp.Templates.$OptimSharpVersion.nupkg"
check "a program is made from it" new optimsharp-train -o "$work/Own"
check "the program builds" build Own -warnaserror
for name in Training OptimSharp; do # of a class of it; of a package
  check "a program of the name $name is made" new optimsharp-train -o "$work/$name"
  check "a program of the name $name builds" build "$name" -warnaserror
done
check "the program trains" eval 'train | tee "$work/own" && grep -P "^test accuracy 0\.[89]" "$work/own"'
check "the program keeps the last checkpoints, and the best rather than the first" keeps_the_best
check "the program goes on where it was" goes_on
check "OptimSharp.Templates has readme and licence" has_entries OptimSharp.Templates README.md LICENSE content/optimsharp-train/Data/digits.csv.gz

# The notebook: its cells run by Jupyter's client with .NET's kernel, and with the packages of the folder. The kernel unpacks them in the user's cache.
export JUPYTER_PATH=$work/jupyter
notebook() { # what it writes is kept
  PATH=$work/kernel:$PATH /usr/bin/python3 "$work/Notebook/run.py" "$work/samples/Notebook/first-training.ipynb" "$work/feed" "$OptimSharpVersion" | tee "$work/notebook"
  return "${PIPESTATUS[0]}"
}
mkdir -p "$work/jupyter/kernels" "$work/samples" && cp -r "$root/samples/Notebook" "$root/samples/Data" "$work/samples"
check "the notebook's kernel installs" dotnet tool install Microsoft.dotnet-interactive --version 1.0.712001 --tool-path "$work/kernel"
check "Jupyter knows the kernel" "$work/kernel/dotnet-interactive" jupyter install --path "$work/jupyter/kernels"
check "the notebook's cells run" notebook
check "the notebook draws what it says" grep -x "3 pictures" "$work/notebook"
check "the notebook's network learns" grep -P "^test accuracy 0\.9[5-9]" "$work/notebook"

echo "$passed passed, $failed failed"
[ $failed -eq 0 ]
