# Completes command lines of optimsharp in zsh, after compinit. Files where the program has nothing to say.
_optimsharp() {
  local line="${(j: :)words[1,CURRENT-1]} $PREFIX"
  local -a candidates
  candidates=("${(@f)$(optimsharp "[suggest:${#line}]" "$line" 2>/dev/null)}")
  candidates=("${(@M)candidates:#$PREFIX*}")
  if (( ${#${(j::)candidates}} )); then compadd -- "${candidates[@]}"; else _files; fi
}
compdef _optimsharp optimsharp
