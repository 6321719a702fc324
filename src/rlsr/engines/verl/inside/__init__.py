"""What runs in verl's processes, in verl's environment; verl imports it by ``VERL_USE_EXTERNAL_MODULES``.

It is registered in verl's own tables, and verl is not changed: a trainer, which learns what rlsr says; an engine, which has rlsr's
schedule of the learning rate; and for machines without a GPU a platform and something that writes responses.
"""

import os

if os.environ.get("VERL_PLATFORM") == "cpu":
    # Before anything else asks for the platform.
    from rlsr.engines.verl.inside import cpu_platform

    cpu_platform.use_gloo()
    from rlsr.engines.verl.inside import cpu_rollout

    cpu_rollout.register()

from rlsr.engines.verl.inside import policy_engine, trainer  # noqa: F401 - they register themselves
