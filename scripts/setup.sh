# SPDX-License-Identifier: BSD-3-Clause
# shellcheck shell=bash
# What quickstart and test share: finding what is missing on this machine, installing it, building.
# Sourced by bash with the top of the tree as working directory.

# One line for everything that may be needed: Debian's package, what it is, a command that succeeds when it is there.
# What cannot be looked for, as a library without pkg-config, counts as missing.
needs_build=(
  "gcc|a C compiler|has cc || has gcc || has clang"
  "libc6-dev|the C library's headers|has_header stdio.h"
  "meson|Meson 1.0 or later|has_meson"
  "ninja-build|Ninja|has ninja || has ninja-build"
  "pkg-config|pkg-config|has pkg-config || has pkgconf"
  "libopenmpi-dev|Open MPI's headers|has_library ompi-c || has mpicc"
  "openmpi-bin|Open MPI's mpirun|has mpirun"
  "libhdf5-dev|HDF5's headers|has_library hdf5 || has_library hdf5-serial || has h5cc"
  "libxxhash-dev|xxHash's headers|has_library libxxhash"
  "libjansson-dev|Jansson's headers|has_library jansson"
)
needs_picture=(
  "python3-h5py|Python with h5py|scripts/find-python h5py numpy"
  "python3-matplotlib|Python with h5py and matplotlib|scripts/find-python h5py numpy matplotlib"
)
needs_test=(
  "python3-h5py|Python with h5py|scripts/find-python h5py numpy"
  "hdf5-tools|h5dump|has h5dump"
  "g++|a C++ compiler|has g++ || has clang++"
  "clang|Clang|has clang"
)

say() {
  printf '%s: %s\n' "$(basename "$0")" "$*"
}

complain() {
  say "$@" >&2
}

has() {
  command -v "$1" >/dev/null 2>&1
}

has_library() {
  pkg-config --exists "$1" 2>/dev/null || pkgconf --exists "$1" 2>/dev/null
}

has_header() {
  local compiler
  for compiler in cc gcc clang; do
    has "$compiler" && { printf '#include <%s>\n' "$1" | "$compiler" -E -xc - >/dev/null 2>&1; return; }
  done
  return 1
}

has_meson() {
  local version
  version=$(meson --version 2>/dev/null) && [ "${version%%.*}" -ge 1 ] 2>/dev/null
}

# Fills `missing_packages` and `missing_things` with what is not there of the needs given.
look_for_missing() {
  local need package thing probe
  missing_packages=() missing_things=()
  for need in "$@"; do
    IFS='|' read -r package thing probe <<<"$need"
    if ! eval "$probe" >/dev/null 2>&1; then
      missing_packages+=("$package")
      missing_things+=("$thing ($package)")
    fi
  done
}

list_missing() {
  local thing
  complain "missing here:"
  for thing in "${missing_things[@]}"; do
    printf '  %s\n' "$thing" >&2
  done
}

# Runs a command as root; fails where that cannot be.
as_root() {
  if [ "$(id -u)" = 0 ]; then
    "$@"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

apt_install() {
  local -a apt=(env DEBIAN_FRONTEND=noninteractive apt-get -y -q -o Dpkg::Use-Pty=0)
  if [ "$(id -u)" != 0 ] && ! has sudo; then
    return 1
  fi
  say "installing with apt: $*"
  # the lists of packages may be absent or old: fetch them once, when the first try fails
  as_root "${apt[@]}" install --no-install-recommends "$@" >"$log" 2>&1 && return 0
  as_root "${apt[@]}" update >"$log" 2>&1 || return 1
  as_root "${apt[@]}" install --no-install-recommends "$@" >"$log" 2>&1
}

# Sees to it that the needs given are there; installs what is missing. False, with a text, when something still is.
provide() {
  local log
  look_for_missing "$@"
  [ ${#missing_packages[@]} = 0 ] && return 0
  if ! has apt-get; then
    list_missing
    complain "this machine has no apt: install them in its own way (in brackets: Debian's names)"
    return 1
  fi
  log=$(mktemp) || return 1
  if ! apt_install "${missing_packages[@]}"; then
    tail -n 15 "$log" >&2
    rm -f "$log"
    list_missing
    complain "to install them, as root: apt-get update && apt-get install --no-install-recommends" \
      "${missing_packages[*]}"
    return 1
  fi
  rm -f "$log"
  look_for_missing "$@"
  [ ${#missing_packages[@]} = 0 ] && return 0
  list_missing
  complain "apt has installed them, but they are not what is found: too old, or is another one first on PATH?"
  return 1
}

# configure_and_build FOLDER [MESON OPTION ...]: makes or updates a build.
configure_and_build() {
  local folder=$1 log
  shift
  local -a setup=(meson setup "$folder" "$@")
  [ -e "$folder/build.ninja" ] && setup=(meson configure "$folder" "$@")
  log=$(mktemp) || return 1
  if ! { [ $# = 0 ] && [ -e "$folder/build.ninja" ]; } && ! "${setup[@]}" >"$log" 2>&1; then
    cat "$log" >&2
    rm -f "$log"
    return 1
  fi
  if ! meson compile -C "$folder" >"$log" 2>&1; then
    grep -E -A12 'FAILED:|(warning|error):|ERROR' "$log" >&2 || tail -n 40 "$log" >&2
    rm -f "$log"
    return 1
  fi
  rm -f "$log"
}
