function __kukri_complete_NAME
    set -l words (commandline --current-process --tokenize --cut-at-cursor)
    set -l token (commandline --current-token --cut-at-cursor)
    set -l answer (VARIABLE=fish NAME -- $words "$token" 2>/dev/null)
    set -l kind (string split ' ' -- $answer[1])
    set -l before (string sub --length "$kind[2]" -- "$token")
    set -l path (string sub --start (math "$kind[2]" + 1) -- "$token")
    switch "$kind[1]"
        case words
            printf '%s\n' $answer[2..-1]
        case files
            for found in (complete --do-complete "'' $path")
                printf '%s\n' "$before$found"
            end
        case dirs
            for found in (complete --do-complete "'' $path" | string match --regex '^[^\t]*/(?:\t.*)?$')
                printf '%s\n' "$before$found"
            end
        case program
            set -l program
            set -l first (math (count $words) - "$kind[2]" + 1)
            test "$kind[2]" -gt 0; and set program (string escape -- $words[$first..-1])
            complete --do-complete (string join ' ' -- $program "$token")
    end
end
complete --keep-order --no-files --command NAME --arguments '(__kukri_complete_NAME)'
