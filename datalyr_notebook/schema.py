"""The tables: column names, dtypes, meanings, and the values that mean nothing.

Everything here is data, or one line of code about that data. A table is a tuple of
:class:`Column`; a function that returns a table returns these columns in this order.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import pandas as pd


class Column(NamedTuple):
    """One column of a table: its name, its dtype, and what it means."""

    name: str
    dtype: str
    meaning: str


TIME: Final = "datetime64[us, UTC]"

EVENTS: Final = (
    Column("event_id", "str", "the SDK's id; same event_id and event_name = one event"),
    Column("timestamp", TIME, "when it happened on the client"),
    Column("event_name", "category", "pageview, purchase, $identify, …"),
    Column("anonymous_id", "category", "device: one browser or app install"),
    Column("user_id", "category", "the customer's own id; never a null-like value or a device id"),
    Column("previous_id", "str", "id named by $identify / $alias as the earlier one"),
    Column("new_user_id", "category", "$alias only: the id previous_id becomes, where it is not the row's user_id"),
    Column("session_id", "category", "opaque; means something only together with anonymous_id"),
    Column("sdk", "category", "web, node, react_native, swift, http, unknown"),
    Column("device_type", "category", "phone, tablet, desktop, app, server, unknown"),
    Column("source", "category", "marketing source, recomputed from the evidence"),
    Column("medium", "category", "marketing medium, recomputed from the evidence"),
    Column("campaign", "category", "utm_campaign, or the name of a tracking link or Apple Search Ads campaign"),
    Column("term", "category", "utm_term"),
    Column("content", "category", "utm_content"),
    Column("click_id", "str", "the ad platform's click id"),
    Column("click_id_type", "category", "fbclid, gclid, ttclid, …"),
    Column("referrer_host", "category", "host of the referring page"),
    Column("url", "str", "the page's address"),
    Column("touch_is_carried", "bool", "web: the evidence was carried over from an earlier visit"),
    Column(
        "touch_key", "category", "mobile: names the deep link this row's evidence came from; repeated = kept, not new"
    ),
    Column("value", "float64", "money in major units"),
    Column("currency", "category", "three letters, upper case"),
    Column("order_id", "str", "the order; one order of one person counts once"),
    Column("web_visitor_id", "str", "app: the anonymous_id of the web browser it was matched with"),
    Column("match_method", "category", "how that match was made: email or ip"),
    Column("traits", "object", "$identify only: this call's traits (dict)"),
    Column("properties", "object", "the payload as it came nested (dict)"),
)

STITCHED: Final = (
    Column("person_id", "category", "canonical user_id of a known user, else the anonymous_id"),
    Column("person_via", "category", "the rule that decided"),
    Column("person_since", TIME, "when the evidence that decided became known"),
)

IDENTITY_LINKS: Final = (
    Column("id", "str", "the id this link starts at"),
    Column("id_kind", "category", "device or user"),
    Column("other_id", "str", "the id it leads to"),
    Column("other_kind", "category", "device or user"),
    Column("kind", "category", "identify, event, alias, bridge:email, bridge:ip, trait:email, …"),
    Column("value", "str", "trait links only: the shared value"),
    Column("sdk", "category", "the SDK that sent the first evidence"),
    Column("known_from", TIME, "when the link first counts"),
    Column("first_seen", TIME, "first event that shows it"),
    Column("last_seen", TIME, "last event that shows it"),
    Column("events", "int64", "how many events show it"),
    Column("event_id", "str", "the first evidence"),
)

TOUCHES: Final = (
    Column("person_id", "category", "whose touch"),
    Column("touch_id", "str", "the event_id, or a content hash where events have none"),
    Column("timestamp", TIME, "the event's time"),
    Column("source", "category", "direct where the visit brought no evidence"),
    Column("medium", "category", "none where the visit brought no evidence"),
    Column("campaign", "category", ""),
    Column("term", "category", ""),
    Column("content", "category", ""),
    Column("channel", "category", "default channel group"),
    Column("click_id", "str", ""),
    Column("click_id_type", "category", ""),
    Column("anonymous_id", "category", "the device that was touched"),
    Column("session_id", "category", ""),
    Column("sdk", "category", ""),
    Column("device_type", "category", ""),
    Column("event_id", "str", ""),
)

CONVERSIONS: Final = (
    Column("conversion_id", "str", "the event_id, or a content hash where events have none"),
    Column("person_id", "category", "whose conversion"),
    Column("timestamp", TIME, "the event's time"),
    Column("event_name", "category", ""),
    Column("kind", "category", "the name the conversion was asked for by"),
    Column("value", "float64", "after refunds, in one currency"),
    Column("currency", "category", ""),
    Column("order_id", "str", ""),
    Column("anonymous_id", "category", "the device it happened on"),
    Column("session_id", "category", ""),
    Column("sdk", "category", ""),
    Column("device_type", "category", ""),
    Column("event_id", "str", ""),
)

TRAIT_HISTORY: Final = (
    Column("person_id", "category", "whose trait"),
    Column("trait", "category", "its name"),
    Column("value", "object", "what was said; None: an explicit null"),
    Column("valid_from", TIME, "when it was said"),
    Column("valid_to", TIME, "when it was replaced, exclusive; NaT: it still holds; valid_from: it never held"),
    Column("kept", "bool", "whether merge_traits answers with it"),
)

PEOPLE: Final = (
    Column("user_ids", "object", "list of the user_ids on their events, in order of first seen"),
    Column("devices", "object", "list of their devices' anonymous_ids, in order of first seen"),
    Column("sdks", "object", "list of the SDKs that sent their events, in order of first seen"),
    Column("first_seen", TIME, "their first event"),
    Column("last_seen", TIME, "their last event"),
    Column("events", "int64", "how many events are theirs"),
    Column("conversions", "int64", "how many of them count as conversions"),
    Column("value", "float64", "what these are worth, after refunds"),
)
"""One row a person; the index is person_id, the traits asked for come behind."""

MATCH_RATE: Final = (
    Column("people", "int64", "distinct persons"),
    Column("events", "int64", "how many events"),
    Column("value", "float64", "what the conversions are worth, after refunds"),
    Column("people_matched", "float64", "share of the people who are known users, 0 to 1; NaN of none"),
    Column("events_matched", "float64", "share of the events that belong to known users"),
    Column("value_matched", "float64", "share of the value that belongs to known users"),
)
"""Behind the columns it was asked by."""

SHARED_DEVICES: Final = (
    Column("anonymous_id", "str", "the device"),
    Column("users", "int64", "how many users were seen on it, users that are one person counted once"),
    Column("user_ids", "object", "list of their canonical ids, in order of first seen on the device"),
    Column("events", "int64", "how many events the device has"),
    Column("first_seen", TIME, "its first event"),
    Column("last_seen", TIME, "its last event"),
    Column("switches", "int64", "how often the named user changes along its events"),
    Column("is_crowded", "bool", "more users than max_users_per_device"),
)

POLICY_SUMMARY: Final = (
    Column("policy", "category", "the stitch policy"),
    Column("people", "int64", "distinct persons"),
    Column("match_rate", "float64", "share of the events that belong to known users, 0 to 1"),
    Column("value_match_rate", "float64", "share of the conversion value that belongs to known users"),
    Column("devices_differ", "int64", "devices with an event whose person is another than the baseline's"),
    Column("events_differ", "int64", "such events"),
    Column("conversions", "int64", "how many count"),
    Column("value", "float64", "what they are worth, after refunds"),
    Column("cross_device_conversions", "int64", "those of which a touch on another device earned a share"),
)

POLICY_CREDIT: Final = (
    Column("policy", "category", "the stitch policy"),
    Column("channel", "str", "default channel group, or unattributed"),
    Column("conversions", "float64", "sum of weights"),
    Column("credit", "float64", "sum of weight times value"),
)

POLICY_DEVICES: Final = (
    Column("policy", "category", "the stitch policy"),
    Column("anonymous_id", "category", "the device"),
    Column("users", "int64", "how many user_ids its events carry"),
    Column("events_differ", "int64", "its events whose person is another than the baseline's"),
    Column("conversions_differ", "int64", "conversions on it whose person, channels or value are others"),
    Column(
        "value_differs", "float64", "what those are worth to the baseline; to the policy where the baseline has none"
    ),
)

DIFFERENCE: Final = (
    Column("events", "int64", "how many events both sides judge"),
    Column("events_moved", "int64", "those with another owner"),
    Column("devices_moved", "int64", "devices with such an event"),
    Column("people_moved", "int64", "people on either side who own such an event"),
    Column("people_before", "int64", "people on the one side"),
    Column("people_after", "int64", "people on the other"),
    Column("conversions_before", "int64", ""),
    Column("conversions_after", "int64", "another number where one order is on two persons on one side only"),
    Column("conversions_moved", "int64", "those whose credit is another"),
    Column("value_before", "float64", "what all conversions are worth"),
    Column("value_after", "float64", ""),
    Column("value_moved", "float64", "what the conversions are worth whose credit moved"),
    Column("credit_moved", "float64", "how much credit changed its group"),
)

PEOPLE_MOVED: Final = (
    Column("person_before", "category", "whose the events were"),
    Column("person_after", "category", "whose they are on the other side"),
    Column("devices", "int64", "devices with such an event"),
    Column("events", "int64", ""),
    Column("value", "float64", "what the conversions among them are worth"),
    Column("known_from", TIME, "when the evidence that makes the difference first became known"),
)

CONVERSIONS_MOVED: Final = (
    Column("conversion_id", "str", "as in the conversions"),
    Column("timestamp", TIME, "the conversion's time"),
    Column("person_before", "category", "null where it is no conversion of its own on that side"),
    Column("person_after", "category", ""),
    Column("value", "float64", ""),
    Column("credited_before", "str", "the groups with a share of it, the largest first"),
    Column("credited_after", "str", ""),
    Column("moved", "float64", "how much of the value changed its group"),
)

STITCHING_IMPACT: Final = (
    Column("people_without", "int64", "distinct persons where every device is one of its own"),
    Column("people_with", "int64", "distinct persons, stitched"),
    Column("conversions_without", "int64", "how many count"),
    Column("conversions_with", "int64", "fewer where one person's devices sent one order"),
    Column("value_without", "float64", "what they are worth, after refunds"),
    Column("value_with", "float64", ""),
    Column("credit_moved", "float64", "how much credit changed its group"),
    Column("cross_device", "int64", "conversions of which a touch on another device earns a share"),
    Column("cross_device_value", "float64", "what touches on other devices earn"),
    Column("cross_device_share", "float64", "of value_with, 0 to 1; NaN where that is nothing"),
    Column("share_low", "float64", "the interval of that share"),
    Column("share_high", "float64", ""),
    Column("only_across_devices", "int64", "conversions that touches on other devices earn alone"),
    Column("only_across_devices_value", "float64", "what these are worth"),
    Column("level", "float64", "of the interval"),
)

ACROSS_DEVICES: Final = (
    Column("conversion_id", "str", "as in the conversions"),
    Column("order_id", "str", ""),
    Column("timestamp", TIME, "the conversion's time"),
    Column("person_id", "category", ""),
    Column("value", "float64", ""),
    Column("credited_without", "str", "the groups with a share of it device by device, the largest first"),
    Column("credited_with", "str", "the same, stitched"),
    Column("touched_on", "str", "device type of the touch with the largest share"),
    Column("converted_on", "str", "device type of the conversion"),
)

DEVICE_MATRIX: Final = (
    Column("touched_on", "str", "device type of the first touch, or unattributed"),
    Column("converted_on", "str", "device type of the conversion"),
    Column("conversions", "int64", ""),
    Column("credit", "float64", "what these conversions are worth"),
    Column("share", "float64", "of all, 0 to 1; NaN where that is nothing"),
    Column("low", "float64", "the interval of the credit"),
    Column("high", "float64", ""),
    Column("level", "float64", "of the interval"),
)

LINKS_AT_RISK: Final = (
    *IDENTITY_LINKS,
    Column("people_moved", "int64", "people who would win or lose an event without the link"),
    Column("events_moved", "int64", "how many events would have another owner"),
    Column("value_moved", "float64", "what the conversions are worth whose credit would move"),
    Column("credit_moved", "float64", "how much credit would change its group"),
)

IDENTITY_ATTENTION: Final = (
    Column("reason", "category", "super-node, e-mail twins, shared device, link at risk, most value"),
    Column("id", "str", "what deserves a look"),
    Column("id_kind", "category", "device, user, trait (a value of it), person"),
    Column("person_id", "str", "the person to look at: of those concerned the one with most of its events"),
    Column("people", "int64", "how many persons are concerned"),
    Column("events", "int64", "events with this id; of a link those that would have another owner without it"),
    Column("value", "float64", "the conversions of the persons concerned; of a link those whose credit would move"),
    Column("why", "str", "what was found, in one sentence without an id"),
)
"""What deserves a look; reason by reason in turn, the most value first."""

STITCH_SCORE: Final = (
    Column("policy", "category", ""),
    Column("hidden", "int64", "events whose login was hidden"),
    Column("answered", "int64", "those that the policy gave a user"),
    Column("right", "int64", "those that it gave their own user"),
    Column("precision", "float64", "right / answered; NaN where it answered none"),
    Column("recall", "float64", "right / hidden; NaN where none was hidden"),
)

LINT: Final = (
    Column("code", "str", "the rule that found it"),
    Column("severity", "category", "error, warning, info"),
    Column("message", "str", "what is wrong, in words"),
    Column("events", "int64", "rows affected"),
    Column("value", "float64", "value of the purchases among them, as sent"),
    Column("examples", "object", "up to three example texts (list); never a sensitive value"),
    Column("fix", "str", "the next move"),
)

CHANNEL_REPORT: Final = (
    Column("rule", "str", "what the rule asks, in words; 'no rule' stands for touches that met none"),
    Column("channel", "str", "the channel it gives"),
    Column("touches", "int64", "touches that met it first; 0 = it never fires"),
)

JOURNEY_TOUCHES: Final = (
    Column("touch_id", "str", "as in the touches"),
    Column("timestamp", TIME, "the touch's time"),
    Column("age_days", "float64", "conversion time - touch time; negative after the conversion"),
    Column("channel", "category", "default channel group, or that of channels="),
    Column("source", "category", ""),
    Column("medium", "category", ""),
    Column("campaign", "category", ""),
    Column("click_id_type", "category", "which ad platform's click; null without a click"),
    Column("anonymous_id", "category", "the device that was touched"),
    Column("device_type", "category", ""),
)

EXPLAINED_TOUCHES: Final = (
    *JOURNEY_TOUCHES,
    Column("same_device", "bool", "as the conversion's"),
    Column("same_session", "bool", "the touch belongs to the visit the conversion happened in"),
    Column("person_via", "category", "the rule that decided whose touch it is"),
    Column("person_since", TIME, "when the evidence that decided became known"),
    Column("evidence", "str", "how the touch came to be this person's, in a sentence"),
    Column("channel_rule", "str", "which rule set the channel, in words"),
)
"""The touches of one conversion's journey; behind them a column of weights a touch model."""

PASSED_OVER: Final = (
    *JOURNEY_TOUCHES,
    Column("reason", "str", "why the touch is not in the journey"),
)
"""Touches of the conversion's person that its journey does not have."""

CONVERSION_CREDIT: Final = (
    Column("model", "str", "a touch model"),
    Column("channel", "str", "or unattributed"),
    Column("weight", "float64", "share of the conversion"),
    Column("credit", "float64", "weight times value"),
)
"""Who gets one conversion."""
PATH_LENGTHS: Final = (
    Column("touches", "int64", "how many touches the conversions looked back on; 0 = unattributed"),
    Column("conversions", "int64", "how many such conversions"),
    Column("value", "float64", "what they are worth"),
    Column("share", "float64", "of all conversions, 0 to 1"),
    Column("share_up_to", "float64", "share of the conversions with so many touches or fewer"),
)

TIME_LAGS: Final = (
    Column("lag", "int64", "whole units from the touch to the conversion; 0 = less than one"),
    Column("unit", "str", "hour, day, week"),
    Column("since", "str", "the touch the lag is counted from: first_touch, last_touch"),
    Column("conversions", "int64", "how many conversions came after that lag"),
    Column("value", "float64", "what they are worth"),
    Column("share", "float64", "of the conversions with a touch, 0 to 1"),
    Column("share_up_to", "float64", "share of those with this lag or a shorter one"),
)

TOP_PATHS: Final = (
    Column("path", "str", "the channels in order, or (no touch)"),
    Column("touches", "int64", "how many"),
    Column("conversions", "int64", "how many conversions the path ended in"),
    Column("value", "float64", "what they are worth together"),
    Column("nulls", "int64", "people who went it without converting"),
    Column("conversion_rate", "float64", "conversions / (conversions + nulls); NaN without a touch"),
)

CROSS_DEVICE: Final = (
    Column("model", "str", "the touch model"),
    Column("touched_on", "str", "device_type of the touch; unattributed where there is none"),
    Column("converted_on", "str", "device_type of the conversion"),
    Column("devices", "str", "same device, other device, unknown device, no touch"),
    Column("conversions", "float64", "sum of weights"),
    Column("credit", "float64", "sum of weight times value"),
)

MODEL_CREDIT: Final = (
    Column("model", "str", "the attribution model"),
    Column("conversions", "float64", "sum of weights"),
    Column("credit", "float64", "sum of weight times value"),
    Column("share", "float64", "of the model's whole, 0 to 1; NaN of nothing"),
    Column("rank", "Int64", "1 = most; equals share a rank; unattributed has none"),
)
"""Behind ``model`` stand the columns it was grouped by."""

MODEL_DISAGREEMENTS: Final = (
    Column("most_model", "str", "the model that gives the group most"),
    Column("least_model", "str", "the model that gives it least"),
    Column("most", "float64", "what the one gives it"),
    Column("least", "float64", "what the other gives it"),
    Column("spread", "float64", "most less least"),
    Column("spread_share", "float64", "spread as a share of what all conversions are worth; NaN of nothing"),
)
"""Behind the columns it was grouped by."""

CONTESTED: Final = (
    Column("conversion_id", "str", "as in the conversions"),
    Column("person_id", "category", "whose conversion"),
    Column("value", "float64", "after refunds"),
    Column("winners", "int64", "how many groups have most of it under some touch model"),
    Column("won_by", "str", "these groups, each with its models; the one with most models first"),
)

TOUCH_FIELDS: Final = ("source", "medium", "campaign", "term", "content", "click_id")
"""The fields that tell one touch of a visit from another."""

SERVER_SDKS: Final = ("node",)
MOBILE_SDKS: Final = ("react_native", "swift")

AT_EVENT: Final = "event"
"""``as_of`` with this value judges each row by what was known at its own time."""
JUDGED: Final = "datalyr_as_of"
"""The key in a frame's ``attrs`` that says so."""

UNATTRIBUTED: Final = "unattributed"

NULL_LIKE: Final = frozenset(
    (
        "",
        "null",
        "none",
        "nil",
        "<nil>",
        "nan",
        "undefined",
        "anonymous",
        "anon",
        "guest",
        "unknown",
        "n/a",
        "na",
        "true",
        "false",
        "0",
        "-1",
        "void",
        "id",
        "email",
        "distinctid",
        "distinct_id",
        "not_authenticated",
        "lmy47d",
        "00000000-0000-0000-0000-000000000000",
        "[object object]",
        "{}",
        "[]",
    )
)
"""Ids that are nobody's, compared after trim and case-fold: the union of the lists that PostHog,
Mixpanel and Segment publish. A quoted form (``"null"``) counts as well."""


def is_null_like(text: str, *, block: frozenset[str] = frozenset(), allow: frozenset[str] = frozenset()) -> bool:
    """Whether an id names nobody.

    ``block`` and ``allow`` hold trimmed, case-folded texts that widen and narrow the list.

    >>> is_null_like(" NULL "), is_null_like("'undefined'"), is_null_like("user_1")
    (True, True, False)
    """
    bare = text.strip().casefold()
    if bare in allow:
        return False
    unquoted = bare.strip("'\"`").strip()
    return bare in NULL_LIKE or unquoted in NULL_LIKE or bare in block


def names(table: tuple[Column, ...]) -> list[str]:
    """The column names of a table, in order."""
    return [column.name for column in table]


def is_canonical(frame: pd.DataFrame) -> bool:
    """Whether a frame is already normalized: an ``sdk`` column and UTC timestamps."""
    return "sdk" in frame.columns and isinstance(frame.dtypes.get("timestamp"), pd.DatetimeTZDtype)


def is_stitched(frame: pd.DataFrame) -> bool:
    """Whether a frame is already stitched: ``person_id`` counts only together with ``person_via``."""
    return is_canonical(frame) and {"person_id", "person_via"} <= set(frame.columns)


def is_judged_at_event(frame: pd.DataFrame) -> bool:
    """Whether a frame was stitched with ``as_of="event"``: ``attrs`` says so."""
    return bool(frame.attrs.get(JUDGED) == AT_EVENT)


def empty(table: tuple[Column, ...]) -> pd.DataFrame:
    """A table without rows, with every column in its dtype."""
    return pd.DataFrame({column.name: pd.Series([], dtype=_dtype(column)) for column in table})


def typed(frame: pd.DataFrame, table: tuple[Column, ...]) -> pd.DataFrame:
    """The columns of a table out of a frame, in order and dtype."""
    return pd.DataFrame({column.name: frame[column.name].astype(_dtype(column)) for column in table})  # type: ignore[call-overload]


def _dtype(column: Column) -> str:
    return TEXT if column.dtype == "str" else column.dtype


TEXT: Final = "str" if int(pd.__version__.split(".", maxsplit=1)[0]) >= 3 else "object"
"""The dtype of text columns that are not categories: ``str`` on pandas 3, ``object`` on pandas 2."""
