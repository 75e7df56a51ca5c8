"""Tables with holes brought to a common scale, and back."""

from skmc.preprocessing._biscaler import BiScaler

__all__ = ["BiScaler"]
