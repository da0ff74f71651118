# Finding a JDK 25, whatever `java` points at, and installing what is missing. Sourced by ./nbdmirror and ./verify.

readonly JAVA_FEATURE=25

# is_jdk HOME: true for a Java of the right version, told by its `release` file (starting it would cost 50 ms).
is_jdk() {
    [[ -x $1/bin/java && -r $1/release ]] || return 1
    local line
    while IFS= read -r line; do
        [[ $line == "JAVA_VERSION=\"$JAVA_FEATURE"[.\"+-]* ]] && return 0
    done <"$1/release"
    return 1
}

# find_jdk [PROGRAM]: prints the home of a Java 25 that has bin/PROGRAM (java unless told otherwise).
find_jdk() {
    local program=${1:-java} home on_path
    on_path=$(command -v java) && on_path=$(readlink -f "$on_path") && on_path=${on_path%/bin/java}
    for home in "${JAVA_HOME:-}" /usr/lib/jvm/* "$on_path" /opt/* /opt/java/* /usr/local/* \
        "${SDKMAN_DIR:-${HOME:-/root}/.sdkman}"/candidates/java/* "${HOME:-/root}"/.jdks/*; do
        if [[ -n $home ]] && is_jdk "$home" && [[ -x $home/bin/$program ]]; then
            printf '%s\n' "$home"
            return 0
        fi
    done
    return 1
}

# maven_opts: flags that keep Maven's own libraries from warning on this Java.
maven_opts() {
    printf '%s' "${MAVEN_OPTS:-} --sun-misc-unsafe-memory-access=allow --enable-native-access=ALL-UNNAMED"
}

# may_install: whether packages may be installed here.
may_install() {
    [[ $(id -u) == 0 ]] && command -v apt-get >/dev/null
}

# install_packages NAME...: those of them that the distribution has, quietly; apt's own words are shown only when it fails.
install_packages() {
    local log name known=()
    log=$(mktemp)
    apt-get -qq -o Acquire::Retries=3 update >"$log" 2>&1 || cat "$log" >&2
    for name in "$@"; do
        apt-cache policy "$name" 2>/dev/null | grep -q '^  Candidate: [^(]' && known+=("$name")
    done
    if [[ ${#known[@]} -gt 0 ]] &&
        ! DEBIAN_FRONTEND=noninteractive apt-get -qq -y --no-install-recommends install "${known[@]}" >"$log" 2>&1 </dev/null; then
        cat "$log" >&2
        rm -f "$log"
        return 1
    fi
    rm -f "$log"
}
