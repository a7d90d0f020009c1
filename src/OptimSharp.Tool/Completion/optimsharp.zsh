# Completes command lines of optimsharp in zsh, after compinit. Files where the program has nothing to say.
_optimsharp() {
  local candidate
  local -a whole more
  for candidate in "${(@f)$(optimsharp completion candidates -- "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}"; do
    [[ -z $candidate ]] && continue
    [[ -z ${compstate[quote]} && $candidate == *\(* ]] && candidate="\"$candidate" # a parenthesis has to be quoted
    if [[ $candidate == *[=\(] ]]; then more+=("$candidate"); else whole+=("$candidate"); fi
  done
  if (( ! $#whole && ! $#more )); then _files; return; fi
  (( $#more )) && compadd -U -Q -S '' -- "${more[@]}" # goes on without a space
  (( $#whole )) && compadd -U -Q -- "${whole[@]}"
}
compdef _optimsharp optimsharp
