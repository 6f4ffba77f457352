"""What requests and answers look like; every size is bounded, and an unknown field is an error."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StrictStr

from shortlist.serving.keys import LONGEST

__all__ = [
    "MAX_EVENTS",
    "MAX_ITEMS",
    "MAX_K",
    "MAX_LIST",
    "MAX_QUERIES",
    "Applied",
    "Attributes",
    "AttributesIn",
    "BatchAnswer",
    "BatchQuery",
    "Erased",
    "EventIn",
    "EventsIn",
    "Explanation",
    "Health",
    "Id",
    "ImpressionsIn",
    "ItemIn",
    "ItemsIn",
    "ItemsOut",
    "ModelOut",
    "ModelsOut",
    "Problem",
    "Query",
    "Recommendation",
    "Recommendations",
    "ReloadIn",
    "Rule",
    "Similar",
    "SimilarList",
    "SimilarQuery",
    "StageOut",
    "Stored",
    "UserOut",
]

MAX_K = 1000
MAX_LIST = 1000
MAX_QUERIES = 256
MAX_EVENTS = 1000
MAX_ITEMS = 1000


def _storable(text: str) -> str:
    # PostgreSQL has no such character, and no id or name needs it.
    if "\0" in text:
        raise ValueError("text without the character U+0000")
    return text


_Storable = AfterValidator(_storable)
Name = Annotated[StrictStr, Field(min_length=1, max_length=100), _Storable]
Text = Annotated[StrictStr, Field(max_length=2000), _Storable]
Token = Annotated[StrictStr, Field(min_length=1, max_length=64), _Storable]
Key = Annotated[StrictStr, Field(min_length=1, max_length=180), _Storable]
_Whole = Annotated[StrictInt, Field(ge=-(2**63), le=2**63 - 1)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
Id = _Whole | Annotated[StrictStr, Field(min_length=1, max_length=LONGEST), _Storable]
Scalar = bool | _Whole | _Number | Text | None
Value = Scalar | Annotated[list[Scalar], Field(max_length=MAX_LIST)]
Attributes = Annotated[dict[Name, Value], Field(max_length=100)]
_Ids = Annotated[list[Id], Field(max_length=MAX_LIST)]
_Time = Annotated[_Number, Field(ge=-1e11, le=1e11)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Cap(_In):
    """At most ``at_most`` items of each value of a column."""

    rule: Literal["cap"]
    column: Name
    at_most: Annotated[int, Field(ge=1, le=MAX_K)]


class _Gap(_In):
    """Two items of one value of a column stand at least ``places`` apart."""

    rule: Literal["gap"]
    column: Name
    places: Annotated[int, Field(ge=1, le=MAX_K)]


class _Quota(_In):
    """At least ``at_least`` items of one value of a column."""

    rule: Literal["quota"]
    column: Name
    value: bool | _Whole | _Number | Text
    at_least: Annotated[int, Field(ge=1, le=MAX_K)]


class _Pin(_In):
    """One item stands at one place, from 1, where the candidates hold it."""

    rule: Literal["pin"]
    item: Id
    place: Annotated[int, Field(ge=1, le=MAX_K)]


Rule = Annotated[_Cap | _Gap | _Quota | _Pin, Field(discriminator="rule")]


class Query(_In):
    """For whom, and how. Without a user it is a session; without a history too, cold."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"user": 12, "k": 10},
                {"history": [50, 181], "k": 10, "diversity": 0.3},
                {"features": {"age": 30}, "k": 5, "where": "year >= 1990"},
            ]
        },
    )

    user: Id | None = Field(None, description="One never met is no error.")
    history: _Ids = Field([], description="Items met last, oldest first, besides those stored.")
    features: Attributes | None = Field(None, description="Attributes of the user or the moment.")
    k: int = Field(10, ge=1, le=MAX_K, strict=True, description="How many items.")
    where: Text | None = Field(
        None,
        description='A condition on the items\' attributes: `genre == "Comedy" and year > 1990`.',
    )
    exclude: _Ids = Field([], description="Items not to recommend.")
    exclude_seen: bool = Field(True, description="Leave out what the user has met.")
    diversity: float | None = Field(
        None, ge=0, le=1, description="0 keeps the order, 1 looks at nothing but unlikeness."
    )
    rules: list[Rule] = Field([], max_length=5, description="The most important first.")
    explain: bool = Field(False, description="Say what each stage did.")


class BatchQuery(_In):
    """Several queries at once."""

    queries: list[Query] = Field(min_length=1, max_length=MAX_QUERIES)


class StageOut(BaseModel):
    """Where a stage put an item, from 1, and with what score."""

    place: int
    score: float


class Explanation(BaseModel):
    """What retrieval and the ranker gave an item, and what each post-ranker that moved it says.

    ``tasks``: what each task of a ranker of several tasks says of it; else empty.
    """

    retrieval: StageOut
    ranking: StageOut | None
    reasons: list[str]
    tasks: dict[str, float] = {}


class Recommendation(BaseModel):
    """One item; ``propensity`` where its place was drawn at random."""

    item: int | str
    score: float
    title: str
    propensity: float | None = None
    why: Explanation | None = None


class Recommendations(BaseModel):
    """A short list.

    ``fallback``: nothing is known of the user, these are the most popular items. ``degraded``: a
    stage failed and was left out.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "request": "7f9c24e5d1a04b1c9f3e2d10",
                    "model": "3",
                    "user": 12,
                    "fallback": False,
                    "degraded": False,
                    "items": [{"item": 98, "score": 3.1, "title": "Silence of the Lambs"}],
                }
            ]
        }
    )

    request: str
    model: str
    user: int | str | None
    fallback: bool
    degraded: bool
    items: list[Recommendation]


class BatchAnswer(BaseModel):
    """An answer for each query, in their order."""

    answers: list[Recommendations]


class SimilarQuery(_In):
    """Items like one item, or like each of several."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"items": [50], "k": 10}]}
    )

    items: list[Id] = Field(min_length=1, max_length=MAX_QUERIES)
    k: int = Field(10, ge=1, le=MAX_K, strict=True)


class SimilarList(BaseModel):
    """The items nearest to one."""

    item: int | str
    items: list[Recommendation]


class Similar(BaseModel):
    """A list for each item asked for, in their order."""

    model: str
    answers: list[SimilarList]


class AttributesIn(_In):
    """Attributes; they replace those before."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"attributes": {"title": "Brazil", "year": 1985}}]},
    )

    attributes: Attributes = {}


class ItemIn(_In):
    """An item to create or update."""

    item: Id
    attributes: Attributes = {}


class ItemsIn(_In):
    """Items to create or update."""

    items: list[ItemIn] = Field(min_length=1, max_length=MAX_ITEMS)


class ItemsOut(BaseModel):
    """An item and its attributes."""

    item: int | str
    attributes: dict[str, Any]


class Applied(BaseModel):
    """Changes of items that are stored, and count from now on."""

    model: str
    changed: int


class UserOut(BaseModel):
    """What the state holds of a user, and whether the bundle knows them."""

    user: int | str
    attributes: dict[str, Any] | None
    events: int
    known: bool


class Erased(BaseModel):
    """Everything of the user is deleted."""

    user: int | str
    erased: bool


class EventIn(_In):
    """A user did something with an item.

    Of events with one ``key`` only the first is stored, so that a request can be sent again.
    """

    user: Id
    item: Id
    type: Name = "interaction"
    key: Key | None = None
    time: _Time | None = Field(None, description="Seconds since 1970; now, if not given.")
    value: _Number | None = None
    request: Token | None = None
    context: Attributes = {}


class EventsIn(_In):
    """Events."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"events": [{"user": 12, "item": 50, "type": "click", "key": "4b1c9f3e-1"}]}
            ]
        },
    )

    events: list[EventIn] = Field(min_length=1, max_length=MAX_EVENTS)


class ImpressionsIn(_In):
    """What of a recommendation was really shown, in the order on the screen."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"request": "7f9c24e5d1a04b1c9f3e2d10", "items": [98]}]},
    )

    request: Token | None = None
    user: Id | None = None
    items: list[Id] = Field(min_length=1, max_length=MAX_LIST)
    time: _Time | None = Field(None, description="Seconds since 1970; now, if not given.")
    key: Key | None = None


class Stored(BaseModel):
    """What is on the disk now.

    ``duplicates`` were stored before; under a key of ``conflicts`` something else was.
    """

    stored: int
    duplicates: int
    conflicts: list[str]


class ReloadIn(_In):
    """The version to serve; null takes the latest."""

    version: Name | None = None


class ModelOut(BaseModel):
    """A version of the bundle: ``serving``, ``available`` or ``bad``."""

    version: str
    status: Literal["serving", "available", "bad"]
    fingerprint: str | None = None
    loaded: float | None = None
    items: int | None = None
    error: str | None = None


class ModelsOut(BaseModel):
    """The versions there are."""

    bundle: str
    models: list[ModelOut]


class Health(BaseModel):
    """How the server is."""

    status: str
    model: str | None = None


class FieldError(BaseModel):
    """A field that is wrong."""

    field: str
    expected: str
    received: str


class Problem(BaseModel):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] = []
