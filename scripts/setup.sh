#!/bin/sh
# Installs what the lab starts and what is missing here: redis-server, PostgreSQL, HAProxy; for the tests a browser as well.
# What is there already is left alone. Where it may not install, it says what to type, and what works without.
set -eu

usage() {
    cat <<'END'
Usage: scripts/setup.sh [--with-browser] [--check]

  --with-browser  Chromium and its driver too, which the tests of the report need
  --check         install nothing; exit 1 when something is missing
END
}

with_browser=no
check_only=no
for argument in "$@"; do
    case $argument in
        --with-browser) with_browser=yes ;;
        --check) check_only=yes ;;
        -h | --help) usage; exit 0 ;;
        *) echo "setup: unknown option '$argument'" >&2; usage >&2; exit 2 ;;
    esac
done

programs='redis-server postgres haproxy'
if [ "$with_browser" = yes ]; then
    programs="$programs chromium chromedriver"
fi

# Where a program is, by the same rules as the lab's own: PATH, and where the distributions put it.
find_program() {
    case $1 in
        postgres)
            # The server and initdb are needed side by side; the newest version first.
            command -v postgres && return
            for folder in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t / -k 5 -n -r); do
                if [ -x "$folder/postgres" ]; then echo "$folder/postgres"; return; fi
            done
            return 1
            ;;
        chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
        *)
            command -v "$1" && return
            for folder in /usr/sbin /usr/local/sbin; do
                if [ -x "$folder/$1" ]; then echo "$folder/$1"; return; fi
            done
            return 1
            ;;
    esac
}

without() {
    case $1 in
        redis-server) echo 'compare leaves the stacks on Redis out' ;;
        postgres) echo 'compare leaves the stacks on Postgres out' ;;
        haproxy) echo '--router haproxy is refused; the built-in router works' ;;
        chromium | chromedriver) echo 'the tests of the report in a browser fail' ;;
    esac
}

missing_programs() {
    list=
    for program in $programs; do
        find_program "$program" >/dev/null || list="$list $program"
    done
    echo "${list# }"
}

summary() {
    for program in $programs; do
        if path=$(find_program "$program"); then
            printf '%-13s %s\n' "$program" "$path"
        else
            printf '%-13s missing: %s\n' "$program" "$(without "$program")"
        fi
    done
}

find_package_manager() {
    for candidate in apt-get dnf pacman apk brew; do
        if command -v "$candidate" >/dev/null; then echo "$candidate"; return; fi
    done
    echo none
}

# Names of packages that hold a program, the likeliest first: distributions differ, and so do their versions.
packages_for() {
    case $manager:$1 in
        apt-get:postgres) echo postgresql ;;
        apt-get:chromium) echo chromium chromium-browser ;;
        apt-get:chromedriver) echo chromium-driver chromium-chromedriver ;;
        dnf:redis-server) echo redis valkey-compat-redis ;;
        dnf:postgres) echo postgresql-server ;;
        pacman:redis-server) echo redis valkey ;;
        pacman:postgres) echo postgresql ;;
        pacman:chromedriver) echo chromium ;;
        apk:redis-server) echo redis valkey-compat ;;
        apk:postgres) echo postgresql postgresql17 postgresql16 postgresql15 ;;
        apk:chromedriver) echo chromium-chromedriver ;;
        brew:redis-server) echo redis ;;
        brew:postgres) echo postgresql@17 ;;
        *) echo "$1" ;;
    esac
}

install_command() {
    case $manager in
        apt-get) echo 'apt-get install --yes --no-install-recommends' ;;
        dnf) echo 'dnf install --assumeyes --setopt=install_weak_deps=False' ;;
        pacman) echo 'pacman --sync --needed --noconfirm' ;;
        apk) echo 'apk add' ;;
        brew) echo 'brew install' ;;
    esac
}

refresh_command() {
    case $manager in
        apt-get) echo 'apt-get update' ;;
        # To refresh without upgrading everything is asking for trouble on Arch: only where there is no list at all.
        pacman) ls /var/lib/pacman/sync/*.db >/dev/null 2>&1 || echo 'pacman --sync --refresh' ;;
        apk) echo 'apk update' ;;
    esac
}

# The whole of it as somebody else would type it, with the likeliest package of each program.
typed_by_hand() {
    packages=
    for program in $1; do
        packages="$packages $(packages_for "$program" | cut -d ' ' -f 1)"
    done
    sudo=
    if [ "$manager" != brew ] && [ "$(id -u)" -ne 0 ]; then sudo='sudo '; fi
    refresh=$(refresh_command)
    echo "${refresh:+$sudo$refresh && }$sudo$(install_command)$packages"
}

# Runs a command as the package manager wants it. Standard input is closed, so that nothing waits for an answer.
privileged() {
    # shellcheck disable=SC2086  # $sudo is empty, or a program and its option
    $sudo env DEBIAN_FRONTEND=noninteractive "$@" </dev/null
}

install_program() {
    for package in $(packages_for "$1"); do
        # shellcheck disable=SC2046  # a command and its options
        if privileged $(install_command) "$package"; then return 0; fi
    done
    echo "setup: $1 cannot be had from $manager (tried: $(packages_for "$1")); going on without it" >&2
}

# Debian starts what it installs. The lab runs servers of its own, on ports of its own, and only while it measures; what this
# script brought is switched off again, so that it changes nothing else here. What was installed before is not touched.
switch_service_off() {
    case $1 in
        redis-server | haproxy) unit=$1 ;;
        postgres) unit=postgresql ;;
        *) return 0 ;;
    esac
    if [ -d /run/systemd/system ]; then
        privileged systemctl disable --quiet --now "$unit" 2>/dev/null || return 0
        echo "setup: the service $unit is off; to have it: systemctl enable --now $unit"
    elif [ -x "/etc/init.d/$unit" ] && privileged "/etc/init.d/$unit" status >/dev/null 2>&1; then
        privileged "/etc/init.d/$unit" stop >/dev/null || echo "setup: the service $unit could not be stopped" >&2
    fi
}

missing=$(missing_programs)
manager=$(find_package_manager)

if [ "$check_only" = yes ]; then
    summary
    if [ -n "$missing" ]; then
        echo "missing: $missing; run 'just setup$([ "$with_browser" = no ] || echo -test)'" >&2
        exit 1
    fi
    exit 0
fi

if [ -n "$missing" ]; then
    sudo=
    may_not=
    if [ "$manager" = none ]; then
        may_not='there is no package manager that I know (apt, dnf, pacman, apk, brew)'
    elif [ "$manager" = brew ]; then
        if [ "$(id -u)" -eq 0 ]; then may_not='Homebrew does not install for root; as its user'; fi
    elif [ "$(id -u)" -ne 0 ]; then
        if sudo -n true 2>/dev/null; then sudo='sudo -n'; else may_not='I may not install without a password'; fi
    fi
    if [ -z "$may_not" ]; then
        refresh=$(refresh_command)
        # shellcheck disable=SC2086  # a command and its options
        if [ -n "$refresh" ] && ! privileged $refresh; then
            echo 'setup: the list of packages could not be refreshed; trying with the old one' >&2
        fi
        for program in $missing; do
            # An earlier package may have brought it.
            if find_program "$program" >/dev/null; then continue; fi
            install_program "$program"
            if [ "$manager" = apt-get ] && find_program "$program" >/dev/null; then switch_service_off "$program"; fi
        done
        if [ "$manager" = brew ] && ! find_program postgres >/dev/null; then
            echo "setup: Homebrew keeps PostgreSQL apart; put it on PATH: export PATH=\"\$(brew --prefix postgresql@17)/bin:\$PATH\""
        fi
    elif [ "$manager" = none ]; then
        echo "setup: $may_not; please install by hand: $missing"
    else
        echo "setup: $may_not. To have everything, type:"
        printf '\n    %s\n\n' "$(typed_by_hand "$missing")"
    fi
fi

summary
if [ -n "$(missing_programs)" ]; then
    echo 'compare works all the same: SQLite needs none of them, and what is left out is said'
fi
