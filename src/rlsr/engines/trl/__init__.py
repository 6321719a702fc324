"""TRL as the trainer on one machine: small files over its extension points, a contract test for each override."""
