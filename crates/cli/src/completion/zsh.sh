#compdef NAME
_kukri_complete_NAME() {
    local -a answer found
    answer=("${(@f)$(VARIABLE=zsh NAME -- "${(@Q)words[1,CURRENT-1]}" "${(Q)PREFIX}" 2>/dev/null)}")
    local kind=${answer[1]%% *} number=${answer[1]##* }
    case $kind in
    words)
        found=("${(@)answer[2,-1]}")
        _describe -V values found
        ;;
    files | dirs)
        IPREFIX+=${PREFIX[1,number]}
        PREFIX=${PREFIX[number+1,-1]}
        if [[ $kind == dirs ]]; then _files -/; else _files; fi
        ;;
    program)
        words=("${(@)words[CURRENT-number,-1]}")
        ((CURRENT = number + 1))
        _normal
        ;;
    esac
}
compdef _kukri_complete_NAME NAME
