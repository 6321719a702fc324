"""Fast passes through a policy that know its prompts' groups: rollouts and log-probabilities."""
