"""The process that rlsr starts in verl's environment: verl's own entry point, which ends when rlsr does."""

from rlsr.children import end_with_starter


def main() -> None:
    """Run ``verl.trainer.main_ppo`` with the arguments of this process."""
    end_with_starter()
    from verl.trainer.main_ppo import main as main_ppo

    main_ppo()


if __name__ == "__main__":
    main()
