"""What every test shares."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# HYPOTHESIS_PROFILE=thorough looks much longer, for changes to the engines or to point-in-time rules.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("thorough", parent=settings.get_profile("default"), max_examples=4000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
