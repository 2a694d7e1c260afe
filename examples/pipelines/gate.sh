#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# gate.sh [umbra report's options]: waits for a verdict, leaves umbra.xml (JUnit) and umbra.md (a comment for a pull request) in the directory,
# and ends with umbra's exit code: 0 all PASS, 1 a FAIL, 3 not enough to say, 4 an admin port could not be asked.
set -u
umbra report --wait "${WAIT:-10m}" --format junit "$@" >umbra.xml
code=$?
umbra report --format markdown "$@" >umbra.md
case $code in
0) echo "the shadow may be shipped" ;;
1) echo "the shadow would break something: see umbra.md" ;;
3) echo "not enough was seen to say: more traffic, or a longer wait" ;;
*) echo "umbra could not be asked" ;;
esac
exit $code
