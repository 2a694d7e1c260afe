# SPDX-License-Identifier: Apache-2.0
"""Umbra's CRDs on a real API server."""
import crds
import kube


def test_they_are_served(admin):
    for crd in crds.shipped():
        there = admin.get("CustomResourceDefinition", crd["metadata"]["name"])
        assert kube.condition(there, "Established")["status"] == "True"
        assert not kube.condition(there, "NonStructuralSchema"), kube.condition(there, "NonStructuralSchema")
