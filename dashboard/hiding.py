"""A page in, the same page without what its reader may not use: the controls of callbacks that he may not call.

Nothing is protected by this: the guard refuses the calls. Controls stay in the page, hidden, since Dash looks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from dash import html

from dashboard.inbound import Shape

NEEDS: Final = "data-needs"  # a text that only makes sense to who may call the callback with this output
SHARED: Final = frozenset({"language", "url"})
WHO: Final = "-by"  # ids that end so hold who acts: whoever is logged in


def unusable(shapes: Mapping[str, Shape], may_call: Callable[[str], bool]) -> frozenset[str]:
    """Return the ids that serve only callbacks which may not be called."""
    ids: dict[bool, set[str]] = {True: set(), False: set()}
    for output, shape in shapes.items():
        ids[may_call(output)] |= {name for name, _ in (*shape.inputs, *shape.state)}
    return frozenset(ids[False] - ids[True] - SHARED)


def fit(tree: Any, hidden: frozenset[str], name: str, may_call: Callable[[str], bool]) -> Any:
    """Hide the controls of a page by their ids, and fill in who acts. name: "" leaves that to be typed."""
    needed = getattr(tree, NEEDS, None)
    if needed is not None and not may_call(needed):
        return html.Div(tree, hidden=True)
    children = getattr(tree, "children", None)
    if isinstance(children, (list, tuple)):
        tree.children = [fit(each, hidden, name, may_call) for each in children]
    elif hasattr(children, "children") or hasattr(children, "id"):
        tree.children = fit(children, hidden, name, may_call)
    own = getattr(tree, "id", None)
    if isinstance(own, str) and name and own.endswith(WHO):
        tree.value = name
        return html.Div(tree, hidden=True)
    if isinstance(own, str) and own in hidden:
        return html.Div(tree, hidden=True)
    return html.Div(tree, hidden=True) if _is_empty(tree) else tree


def _is_empty(tree: Any) -> bool:
    """Whether a label or a row of controls holds nothing that is to be seen."""
    kind = getattr(tree, "className", "") or ""
    if not isinstance(tree, html.Label) and kind not in ("field", "controls"):
        return False
    children = tree.children if isinstance(tree.children, list) else [tree.children]
    shown = [x for x in children if not isinstance(x, html.Span) and not getattr(x, "hidden", False)]
    return not shown
