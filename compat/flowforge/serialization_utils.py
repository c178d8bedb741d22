"""See penstock.routines.references."""

from penstock.routines.references import class_info, load_routine_class, reference_of, resolve

__all__ = ["class_info", "load_routine_class", "reference_of", "resolve"]
