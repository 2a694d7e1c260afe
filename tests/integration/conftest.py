# SPDX-License-Identifier: Apache-2.0
"""Where pytest looks for what other folders of tests use too."""
from fixtures import *
