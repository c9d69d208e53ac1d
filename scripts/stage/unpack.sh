# Database servers that Debian's running suite does not bring, or brings with a service that starts itself: downloaded with
# everything they need, libc included, and unpacked into folders of their own. Sourced by scripts/setup; nothing of the
# system changes. Each folder is $HOLDPOINT_CACHE/NAME-root, perhaps a link:
#
#   usr/bin, usr/sbin    programs that run as if they were installed
#   template             a data directory, initialised, where root may log in without a password; servers start on copies
#   stamp                what it was made from

SERVER_ACCOUNT=postgres

# The account that runs servers: they refuse to be root.
as_server() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid="$SERVER_ACCOUNT" --regid="$SERVER_ACCOUNT" --clear-groups "$@"
    else
        "$@"
    fi
}

# One line for apt: the running suite's first source, with another suite. Reads both forms of source files.
source_line() {
    local suite="$1" running
    running="$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")"
    python3 - "$suite" "$running" <<'PYTHON'
import glob, re, sys
suite, running = sys.argv[1:]
for path in sorted(glob.glob("/etc/apt/sources.list") + glob.glob("/etc/apt/sources.list.d/*")):
    text = "\n".join(line for line in open(path, encoding="utf-8").read().splitlines() if not line.lstrip().startswith("#"))
    if path.endswith(".sources"):
        for stanza in re.split(r"\n\s*\n", text):
            fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*(?:\n[ \t].*)*)", stanza, re.M))
            if running in fields.get("Suites", "").split() and "main" in fields.get("Components", "").split():
                signed = f" [signed-by={fields['Signed-By']}]" if fields.get("Signed-By", "").startswith("/") else ""
                sys.exit(print(f"deb{signed} {fields['URIs'].split()[0]} {suite} main"))
    elif path.endswith(".list"):
        for line in text.splitlines():
            found = re.match(r"deb\s+(\[[^]]*\]\s+)?(\S+)\s+(\S+)\s+(.*)", line)
            if found and found[3] == running and "main" in found[4].split():
                sys.exit(print(f"deb {found[1] or ''}{found[2]} {suite} main"))
sys.exit("no source of the running suite is configured")
PYTHON
}

# A configuration of apt that knows one suite and no installed package.
private_apt() {
    local folder="$1" suite="$2"
    mkdir -p "$folder"/{lists,cache,archives}/partial
    source_line "$suite" >"$folder/sources.list"
    cat >"$folder/apt.conf" <<CONF
Dir::Etc::sourcelist "$folder/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::State::lists "$folder/lists";
Dir::State::status "/dev/null";
Dir::Cache "$folder/cache";
Dir::Cache::archives "$folder/archives";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
Acquire::Languages "none";
Debug::NoLocking "true";
CONF
}

# Replaces each ELF program by a script that starts it through the folder's own loader and libraries.
wrap_programs() {
    local root="$1" loader libraries modules program folder
    local folders=()
    for folder in "$root/lib" "$root/usr/lib"; do
        [ -L "$folder" ] || [ ! -d "$folder" ] || folders+=("$folder")
    done
    loader="$(find "${folders[@]}" -path '*-linux-gnu*/ld-linux*.so.*' | sed -n 1p)"
    modules="$(find "${folders[@]}" -type d -name ossl-modules | sed -n 1p)"
    libraries="$(find "${folders[@]}" -maxdepth 1 -type d -name '*-linux-gnu*' | paste -sd :)"
    [ -n "$loader" ] || { say "no loader in $root"; return 1; }
    for program in "$root"/usr/sbin/* "$root"/usr/bin/*; do
        case "$program" in *.real) continue ;; esac
        if [ -L "$program" ] || [ "$(head -c 4 "$program" 2>/dev/null | tail -c 3)" != ELF ]; then
            continue
        fi
        mv "$program" "$program.real"
        cat >"$program" <<SCRIPT
#!/bin/sh
unset LD_PRELOAD LD_LIBRARY_PATH
OPENSSL_MODULES=$modules OPENSSL_CONF=/dev/null
export OPENSSL_MODULES OPENSSL_CONF
exec $loader --library-path $libraries $program.real "\$@"
SCRIPT
        chmod 755 "$program"
    done
}

# Where unpacked servers may lie: the server account must be able to enter every folder on the way.
server_folder() {
    local name="$1"
    mkdir -p "$HOLDPOINT_CACHE"
    if as_server test -x "$HOLDPOINT_CACHE" 2>/dev/null; then
        printf '%s' "$HOLDPOINT_CACHE/$name-root"
    else
        printf '%s' "/var/cache/holdpoint/$name-root"
    fi
}

# unpack_server NAME SUITE "PACKAGES WITH WHAT THEY NEED" "PACKAGES ALONE" INITIALISE
unpack_server() {
    local name="$1" suite="$2" packages="$3" alone="$4" initialise="$5"
    local root link="$HOLDPOINT_CACHE/$name-root" work archive
    local wanted="$suite $packages $alone 1"
    if [ "$(cat "$link/stamp" 2>/dev/null)" = "$wanted" ]; then
        return 0
    fi
    say "unpacking $name: $packages $alone of $suite"
    root="$(server_folder "$name")"
    rm -rf "$root"
    mkdir -p "$root"
    work="$(mktemp -d)"
    private_apt "$work" "$suite"
    (
        export APT_CONFIG="$work/apt.conf" DEBIAN_FRONTEND=noninteractive
        apt-get update -qq
        # shellcheck disable=SC2086
        apt-get install -y -qq --download-only $packages
        # shellcheck disable=SC2086
        [ -z "$alone" ] || (cd "$work/archives" && apt-get download -qq $alone)
    ) >&2
    for archive in "$work"/archives/*.deb; do
        dpkg -x "$archive" "$root"
    done
    rm -rf "$work" "${root:?}"/usr/share/{doc,man,locale,info,perl,perl5} "${root:?}"/usr/lib/*/perl*
    wrap_programs "$root"
    mkdir -p "$root/template"
    [ "$(id -u)" != 0 ] || chown "$SERVER_ACCOUNT:" "$root/template"
    if ! "$initialise" "$root" >"$root/initialise.log" 2>&1; then
        cat "$root/initialise.log" >&2
        return 1
    fi
    [ "$root" = "$link" ] || ln -sfn "$root" "$link"
    printf '%s' "$wanted" >"$root/stamp"
}

initialise_mariadb() {
    local root="$1"
    as_server "$root/usr/bin/mariadb-install-db" --no-defaults --basedir="$root/usr" --datadir="$root/template" \
        --auth-root-authentication-method=normal --skip-test-db --skip-name-resolve --innodb-log-file-size=8M
}

initialise_mysql() {
    local root="$1"
    as_server "$root/usr/sbin/mysqld" --no-defaults --initialize-insecure --basedir="$root/usr" --datadir="$root/template" \
        --lc-messages-dir="$root/usr/share/mysql" --character-sets-dir="$root/usr/share/mysql/charsets" \
        --plugin-dir="$root/usr/lib/mysql/plugin" --innodb-redo-log-capacity=32M
}

# What tests and the demo run MySQL clients against: MariaDB of the running suite, and MySQL, which only sid has.
unpack_servers() {
    local running
    running="$(. /etc/os-release && printf '%s' "$VERSION_CODENAME")"
    unpack_server mariadb "$running" "mariadb-server-core mariadb-client-core libmariadb3" "mariadb-server mariadb-client" initialise_mariadb
    unpack_server mysql sid "mysql-server-core mysql-client-core" "" initialise_mysql
}
