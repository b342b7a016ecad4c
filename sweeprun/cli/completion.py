"""What makes TAB complete commands, options, sweeps, trial numbers, parameters, columns and keys of the sweep file.

bash: `eval "$(sweeprun completion bash)"` in ~/.bashrc. zsh: `eval "$(sweeprun completion zsh)"` in ~/.zshrc. fish:
`sweeprun completion fish | source` in ~/.config/fish/config.fish.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import typer

from sweeprun.cli.completing import completed
from sweeprun.cli.view import write


class Shell(StrEnum):
    """Which shell reads it."""

    BASH = "bash"
    FISH = "fish"
    ZSH = "zsh"


ShellName = Annotated[Shell, typer.Argument(metavar="SHELL", help="bash, fish or zsh.")]
Words = Annotated[list[str] | None, typer.Argument(hidden=True)]


def completion(shell: ShellName, words: Words = None) -> None:
    """Print the script that the shell reads; with the words of a command line after --, what completes the last one."""
    if words is None:
        write(SCRIPTS[shell])
        return
    write("".join(f"{line}\n" for line in _candidates(shell, words)))


def _candidates(shell: Shell, words: Sequence[str]) -> list[str]:
    found = completed(words)
    if shell is Shell.BASH:  # what is offered there is what is typed
        return [_UNQUOTED.sub(r"\\\g<0>", each.value) for each in found]
    return [f"{each.value}\t{' '.join(each.about.split())}".rstrip() for each in found]


_UNQUOTED = re.compile(r"[^\w@%+=:,./~-]", re.ASCII)

_BASH = r"""
_sweeprun() {
    local line=${COMP_LINE:0:COMP_POINT} words word breaks=
    line=${line#*"$1"}
    read -a words <<< "$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    mapfile -t COMPREPLY < <("$1" completion bash -- "${words[@]}" 2>/dev/null)
    # bash replaces only what follows the last = or : of the word.
    [[ $COMP_WORDBREAKS == *=* ]] && breaks+==
    [[ $COMP_WORDBREAKS == *:* ]] && breaks+=:
    word=${words[-1]}
    [[ $breaks && $word == *["$breaks"]* ]] && COMPREPLY=("${COMPREPLY[@]#"${word%"${word##*["$breaks"]}"}"}")
    [[ ${COMPREPLY[0]} == *[=./] ]] && compopt -o nospace
}
complete -o bashdefault -o default -F _sweeprun sweeprun
"""

_FISH = r"""
function __sweeprun_candidates
    set -l words (commandline -opc)
    set -l found (command $words[1] completion fish -- $words[2..-1] (commandline -ct) 2>/dev/null)
    if set -q found[1]
        printf '%s\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c sweeprun -f -a '(__sweeprun_candidates)'
"""

_ZSH = r"""
_sweeprun() {
    local -a found whole whole_about open open_about
    local line value about
    found=("${(@f)$(${~words[1]} completion zsh -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
    if [[ -z $found ]]; then
        _files
        return
    fi
    for line in $found; do
        value=${line%%$'\t'*}
        about=$value
        [[ $line == *$'\t'* ]] && about="$value  -- ${line#*$'\t'}"
        if [[ $value == *[=./] ]]; then
            open+=("$value") open_about+=("$about")
        else
            whole+=("$value") whole_about+=("$about")
        fi
    done
    compadd -l -d whole_about -a whole
    compadd -l -S '' -d open_about -a open
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit -i }
compdef _sweeprun sweeprun
"""

SCRIPTS = {Shell.BASH: _BASH, Shell.FISH: _FISH, Shell.ZSH: _ZSH}
