# What the scripts in ci/ share. Sourced by them, with the root of the repository as the current folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

# What makes the next build after a change faster is of no use to a build that happens once, and takes gigabytes of disk.
export CARGO_INCREMENTAL=0

# Cargo reports on a line per crate otherwise; colours are for people.
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-never}"

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'ci: %s\n' "$*" >&2; exit 1; }

# need_space GB: says so if there is less. Linkers that run out of it report anything else.
need_space() {
    local free
    free=$(df -Pk . | awk 'END { print int($4 / 1000000) }')
    [ "$free" -ge "$1" ] || say "only $free GB are free here, and this takes about $1"
}

# install PACKAGE...: those of Debian's packages that are not installed, if we may.
install() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q ' installed$' || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null || fail "please install, by your system's package manager: ${missing[*]}"
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        sudo -n true 2>/dev/null || fail "please run: sudo apt-get install ${missing[*]}"
        root=(sudo -n)
    fi
    say "installing ${missing[*]}"
    "${root[@]}" apt-get update -qq
    # By env: sudo passes on next to nothing of what is set here.
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null ||
        fail "could not install: ${missing[*]}"
}

# need COMMAND PACKAGE: the command, from the package if it isn't here yet.
need() {
    command -v "$1" >/dev/null || install "$2"
    command -v "$1" >/dev/null || fail "the command $1 is missing, and the package $2 did not bring it"
}

# need_cc: a C compiler that finds a C library. Debian's gcc only recommends one, and without it links nothing, Rust neither.
need_cc() {
    links() {
        local program status=0
        program=$(mktemp)
        cc -x c -o "$program" - <<<$'#include <stdlib.h>\nint main(void) { return EXIT_SUCCESS; }' 2>/dev/null || status=1
        rm "$program"
        return $status
    }
    links || install gcc libc6-dev
    links || fail "cc links no C program, also with the packages gcc and libc6-dev"
}

command -v cargo >/dev/null || fail "Rust is missing: install it by rustup (or apt-get install cargo, if new enough)"
