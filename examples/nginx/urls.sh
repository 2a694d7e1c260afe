#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# urls.sh BASE prints addresses, shuffled, in the same order each time: files and listings of v1.conf, which Debian's packages have
# brought, and some that are not there.
set -eu
base=${1:-http://127.0.0.1:8080}
below() { # below DIRECTORY PREFIX find's-words…: what is there, as paths that begin with PREFIX
    directory=$1 prefix=$2
    shift 2
    (cd "$directory" && find . "$@" | sed "s|^\.|$prefix|" | LC_ALL=C sort)
}
{
    below /usr/share/common-licenses /licenses -type f
    below /usr/share/zoneinfo /zones -type f -path './[A-Z]*' | head -n 150
    below /usr/share/zoneinfo /zones -type d -path './[A-Z]*' | sed 's|$|/|'
    below /usr/share/zoneinfo /zones -maxdepth 1 -name '*.*' ! -name .
    below "${PYTHON_LIBRARY:-/usr/lib/python3.11}" /source -maxdepth 1 -name '*.py' -size +24k
    printf '/\n/zones/\n/licenses/\n/favicon.ico\n/robots.txt\n'
    seq 20 | sed 's|^|/orders/|'
} | shuf --random-source=/usr/share/common-licenses/GPL-3 | sed "s|^|$base|"
