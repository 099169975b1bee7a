_kukri_complete_NAME() {
    # Bash takes words apart at `=` and `:`: what has no blank between its parts is one word again.
    local words=() line=$COMP_LINE at blank word before= last
    for ((at = 0; at <= COMP_CWORD; at++)); do
        blank=${line%%[![:space:]]*}
        word=${COMP_WORDS[at]}
        line=${line#"$blank"}
        line=${line#"$word"}
        last=$((${#words[@]} - 1))
        if [[ $at -eq 0 || -n $blank ]]; then
            words+=("")
            last=$((last + 1))
        fi
        if [[ $at -eq $COMP_CWORD ]]; then
            # Only the last part, up to the cursor, is replaced.
            [[ -n $2 || $word != [=:@] ]] || words[last]+=$word
            before=${words[last]}
            words[last]+=$2
        else
            words[last]+=$word
        fi
    done
    local answer=()
    while IFS= read -r word; do
        answer+=("$word")
    done < <(VARIABLE=bash NAME -- "${words[@]}" 2>/dev/null)
    # Where there is nothing in COMPREPLY, bash completes names of files, and quotes them as it does.
    COMPREPLY=()
    case "${answer[0]-}" in
    words*)
        for word in "${answer[@]:1}"; do
            [[ $word != "$before"* ]] || COMPREPLY+=("${word#"$before"}")
        done
        ;;
    dirs*)
        compopt -o dirnames 2>/dev/null
        ;;
    "program 0")
        [[ $2 == */* ]] || while IFS= read -r word; do
            [[ $word == *[!a-zA-Z0-9_.+-]* ]] || ! type -P -- "$word" >/dev/null || COMPREPLY+=("$word")
        done < <(compgen -c -- "$2" | sort -u)
        ;;
    esac
}
complete -o bashdefault -o default -o nosort -F _kukri_complete_NAME NAME 2>/dev/null ||
    complete -o bashdefault -o default -F _kukri_complete_NAME NAME
