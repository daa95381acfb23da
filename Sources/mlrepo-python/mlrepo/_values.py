"""Values of metrics and parameters as JSON has them."""
import numbers


def plain(value):
    """A value of text, numbers, truth, lists and dictionaries; what NumPy and PyTorch make, by what it says of itself."""
    if value is None or isinstance(value, (str, bool)):
        return value
    # Before all others: an enumeration's member, or a subclass, is told as the number that it is.
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value)
    if isinstance(value, dict):
        return {name(key): plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(inner) for inner in (sorted(value, key=repr) if isinstance(value, (set, frozenset)) else value)]
    if callable(getattr(value, "item", None)):
        # A scalar of NumPy, or a tensor with one element; arrays have a list.
        try:
            return plain_item(value.item())
        except (TypeError, ValueError, RuntimeError):
            pass
    if callable(getattr(value, "tolist", None)):
        return plain(value.tolist())
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value)
    # Paths, dates, devices: what somebody would print.
    return str(value)


def plain_item(value):
    """What a scalar holds, if it is something else than a scalar."""
    return plain(value) if isinstance(value, (str, bool, int, float)) else str(value)


def name(key):
    return key if isinstance(key, str) else str(plain(key))


def named(values):
    """What is logged: a dictionary."""
    if not isinstance(values, dict):
        raise TypeError(f"a dictionary of names and values is needed, not {type(values).__name__}")
    return plain(values)
