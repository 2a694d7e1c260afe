# SPDX-License-Identifier: Apache-2.0
"""Gateway API, with rules from an API server: TLS. The tests are those of rules from files; besides, the status of each object is
what the Gateway API's own tests look for."""
from cluster_play import check_generation, check_status
from test_gateway_api_tls import *

NO_BUNDLE = {"Accepted": "False NoValidCACertificate", "ResolvedRefs": "False InvalidCACertificateRef"}
UNUSUAL = {
    **{f"BackendTLSPolicy/{name} at front": NO_BUNDLE for name in ("no-map", "bad-map")},
    "BackendTLSPolicy/odd-ref at front": {**NO_BUNDLE, "ResolvedRefs": "False InvalidKind"},
    **{f"BackendTLSPolicy/{name} at front": {"Accepted": "False Conflicted"} for name in ("twice-2", "port-twice-2")},
    **{f"Gateway/{name}": {"Accepted": "True ListenersNotValid", "Programmed": "False Invalid"}
       for name in (*BAD, "abroad-closed", "abroad-shut")},
    **{f"Gateway/{name}#https": {"Programmed": "False Invalid", "ResolvedRefs": "False InvalidCertificateRef"} for name in BAD},
    **{f"Gateway/{name}#https": {"Programmed": "False Invalid", "ResolvedRefs": "False RefNotPermitted"}
       for name in ("abroad-closed", "abroad-shut")},
}


def test_status_names_what_is_wrong(play):
    check_status(play, UNUSUAL)


def test_status_follows_a_bundle(late):
    play, good, bad = late
    wrong = {"BackendTLSPolicy/late at front": NO_BUNDLE}
    check_status(play, wrong)
    for text, unusual in ((good, {}), (bad, wrong), (good, {})):
        play.change(text)
        check_status(play, unusual)


def test_status_is_of_the_present_version(late):
    play, good, _ = late
    play.change(good)
    check_generation(play, "BackendTLSPolicy", "late", validation={"hostname": "second.test"})
