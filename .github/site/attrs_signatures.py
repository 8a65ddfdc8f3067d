"""Gives the reference the signatures of attrs classes, which griffe does not know by itself."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import attrs
import griffe

_KINDS = {
    inspect.Parameter.POSITIONAL_OR_KEYWORD: griffe.ParameterKind.positional_or_keyword,
    inspect.Parameter.KEYWORD_ONLY: griffe.ParameterKind.keyword_only,
}


class AttrsSignatures(griffe.Extension):
    """Adds ``__init__`` to each attrs class, with the annotations of its fields."""

    def on_class_members(self, *, cls: griffe.Class, **kwargs: Any) -> None:
        """Look at one class, whose fields are known."""
        if "__init__" in cls.members or not cls.decorators:
            return
        try:
            made = getattr(import_module(cls.module.path), cls.name, None)
        except ImportError:  # what an extra needs is not installed
            return
        if made is None or not attrs.has(made):
            return
        parameters = [griffe.Parameter("self", kind=griffe.ParameterKind.positional_or_keyword)]
        for name, parameter in inspect.signature(made).parameters.items():
            member = cls.members.get(name)
            parameters.append(
                griffe.Parameter(
                    name,
                    annotation=getattr(member, "annotation", None),
                    kind=_KINDS[parameter.kind],
                    default=_default(parameter),
                )
            )
        init = griffe.Function("__init__", parameters=griffe.Parameters(*parameters), parent=cls)
        cls.set_member("__init__", init)


def _default(parameter: inspect.Parameter) -> str | None:
    if parameter.default is inspect.Parameter.empty:
        return None
    made_anew = parameter.default is attrs.NOTHING
    return "..." if made_anew else repr(parameter.default)
