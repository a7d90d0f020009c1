# Completes command lines of optimsharp in bash. Files where the program has nothing to say.
_optimsharp() {
  local line=${COMP_LINE:0:COMP_POINT} word=${COMP_WORDS[COMP_CWORD]} candidate
  COMPREPLY=()
  while IFS= read -r candidate; do
    [[ $candidate == "$word"* ]] && COMPREPLY+=("$candidate")
  done < <(optimsharp "[suggest:${#line}]" "$line" 2>/dev/null)
}
complete -o default -o bashdefault -F _optimsharp optimsharp
