# Completes command lines of optimsharp in bash. Files where the program has nothing to say.
_optimsharp() {
  local i last quote= candidate
  local -a words=()
  for ((i = 1; i <= COMP_CWORD; i++)); do
    if [[ ${COMP_WORDS[i]} != "=" ]]; then
      words+=("${COMP_WORDS[i]}")
    elif ((i == COMP_CWORD)); then
      words+=("") # bash takes --option=value apart
    fi
  done
  last=$((${#words[@]} - 1))
  if [[ ${words[last]} == [\"\']* ]]; then
    quote=${words[last]:0:1}
    words[last]=${words[last]:1}
  fi
  COMPREPLY=()
  while IFS= read -r candidate; do
    [[ $candidate == *[=\(] ]] && compopt -o nospace 2>/dev/null
    [[ -z $quote && $candidate == *\(* ]] && candidate=\"$candidate # a parenthesis has to be quoted
    COMPREPLY+=("$candidate")
  done < <(optimsharp completion candidates -- "${words[@]}" 2>/dev/null)
}
complete -o default -o bashdefault -F _optimsharp optimsharp
