#!/usr/bin/env bash
# Installs the system libraries the package links, and Python with pip for fetching models. Says nothing and
# takes no time when nothing is missing. With --mpi it adds Open MPI, for builds with the package trait MPI.
set -euo pipefail

say() { printf '%s\n' "$*" >&2; }

if ! command -v swift >/dev/null; then
  say "Swift is not installed. Get Swift 6.2 or later from https://www.swift.org/install and run this again."
  exit 1
fi

with_mpi=0
[[ ${1:-} != --mpi ]] || with_mpi=1

has_pip() { command -v python3 >/dev/null && python3 -m pip --version >/dev/null 2>&1; }

case "$(uname -s)" in
  Linux) ;;
  Darwin)
    [[ $with_mpi -eq 0 ]] || { say "The trait MPI is for Linux."; exit 1; }
    has_pip && command -v pkg-config >/dev/null && pkg-config --exists openblas dnnl libpcre2-8 libutf8proc && exit 0
    say "Install the libraries with: brew install openblas onednn pcre2 utf8proc pkgconf python"
    say "(This package has not been built on macOS yet.)"
    exit 1
    ;;
  *) say "This system is not supported: Linux is needed."; exit 1 ;;
esac

if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
  # No Debian packages: trust what the compiler would find.
  missing=()
  headers=(cblas.h dnnl.h pcre2.h utf8proc.h zlib.h)
  [[ $with_mpi -eq 0 ]] || headers+=(mpi.h)
  for header in "${headers[@]}"; do
    found=$(find /usr/include /usr/local/include -name "$header" -print -quit 2>/dev/null || true)
    [[ -n $found ]] || missing+=("$header")
  done
  has_pip || missing+=(pip)
  [[ ${#missing[@]} -eq 0 ]] && exit 0
  say "Missing: ${missing[*]}. Install OpenBLAS (OpenMP build), oneDNN, PCRE2, utf8proc, zlib and Python with pip:"
  say "  Fedora:  sudo dnf install openblas-devel onednn-devel pcre2-devel utf8proc-devel zlib-devel python3-pip"
  say "  others:  the packages of the same names"
  exit 1
fi

missing=()
packages=(libopenblas-openmp-dev libdnnl-dev libpcre2-dev libutf8proc-dev zlib1g-dev)
[[ $with_mpi -eq 0 ]] || packages+=(libopenmpi-dev openmpi-bin)
for package in "${packages[@]}"; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ $status == installed ]] || missing+=("$package")
done
has_pip || missing+=(python3 python3-pip)
[[ ${#missing[@]} -eq 0 ]] && exit 0

as_root=()
if [[ $(id -u) -ne 0 ]]; then
  if ! command -v sudo >/dev/null; then
    say "Missing: ${missing[*]}. As root, run: apt-get install ${missing[*]}"
    exit 1
  fi
  as_root=(sudo)
fi

say "Installing ${missing[*]}"
install() {
  ${as_root[@]+"${as_root[@]}"} env DEBIAN_FRONTEND=noninteractive \
    apt-get install --yes --quiet --no-install-recommends "${missing[@]}" </dev/null >&2
}
# The lists of packages may be old or absent: fetch them only when the first attempt fails.
install || { ${as_root[@]+"${as_root[@]}"} apt-get update --quiet </dev/null >&2 && install; }
