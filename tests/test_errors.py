from __future__ import annotations

import inspect

import pytest

from shortlist import errors
from shortlist.errors import MissingDependencyError, ShortlistError, nearest

TREE = [
    cls
    for _, cls in inspect.getmembers(errors, inspect.isclass)
    if issubclass(cls, ShortlistError) and cls is not ShortlistError
]


@pytest.mark.parametrize("cls", TREE)
def test_each_error_is_also_a_built_in_one_and_is_drawn(cls):
    builtin = [base for base in cls.__mro__ if base.__module__ == "builtins"]
    assert len(builtin) > 3, "Exception, BaseException and object alone say nothing"
    assert cls.__name__ in errors.__doc__
    assert cls.__name__ in errors.__all__


def test_a_missing_library_names_its_command():
    error = MissingDependencyError.of("faiss", "faiss", "The Faiss index")
    assert "pip install 'shortlist[faiss]'" in str(error)
    assert isinstance(error, ImportError)


def test_nearest_says_nothing_when_nothing_is_near():
    assert nearest("ndgc", ["ndcg", "recall"]) == " Did you mean 'ndcg'?"
    assert nearest("zzz", ["ndcg", "recall"]) == ""
