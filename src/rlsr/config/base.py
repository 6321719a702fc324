"""What every table of the config has in common."""

from pydantic import BaseModel, ConfigDict


class ConfigTable(BaseModel):
    """A frozen table that refuses unknown keys, NaN and infinities."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        allow_inf_nan=False,
        validate_default=True,
    )
