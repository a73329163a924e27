"""Wire payloads become flat rows: a table entry and a small function for every shape the SDKs have sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, TypeAlias

import pandas as pd

from datalyr_notebook import schema
from datalyr_notebook.loading.addresses import CLICK_KEYS
from datalyr_notebook.loading.report import LoadReport

Row: TypeAlias = dict[str, object]

# ---- the keys, as data ---------------------------------------------------------------------------

NAME_KEYS: Final = ("event_name", "eventName", "event")

UTM_KEYS: Final = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
MONEY_KEYS: Final = ("value", "revenue", "amount", "currency", "order_id", "transaction_id", "stripeSessionId")

_TAKEN: Final[Mapping[str, str]] = {
    **{key: key for key in (*UTM_KEYS, *CLICK_KEYS, *MONEY_KEYS, "dl_ksource", "lyr", "referrer", "url")},
    "clickId": "click_id",
    "clickIdType": "click_id_type",
    "referrerHost": "referrer_host",
}
"""Payload key → the row's key. The bare ``source``, ``medium``, ``campaign``, ``term`` and ``content``
are missing on purpose: the SDK derives them, or the caller means something else by them."""

_TAKEN_FROM_WEB: Final[Mapping[str, str]] = {**_TAKEN, "captured_at": "captured_at"}
_TAKEN_FROM_APPS: Final[Mapping[str, str]] = {
    **_TAKEN,
    **{
        key: key
        for key in (
            *("web_visitor_id", "match_method", "platform", "deep_link_url", "attribution_timestamp"),
            *("install_referrer_url", "asa_campaign_name", "asa_campaign_id", "asa_attribution"),
        )
    },
}
_ELSE: Final = (
    ("referrer_host", ("referrer_host",)),
    ("lyr", ("datalyr", "dl_tag")),
    ("url", ("page_url",)),
)
"""Other spellings, read only where the first one is not there."""

_LIBRARIES: Final = (
    ("react-native", "react_native"),
    ("react_native", "react_native"),
    ("expo", "react_native"),
    ("swift", "swift"),
    ("web", "web"),
    ("api", "node"),
    ("node", "node"),
)
"""A part of the library's name → sdk; the first that fits."""

_DEVICE_KEYS: Final = (
    *("platform", "os_version", "device_model", "app_version", "app_build", "app_name", "app_namespace", "sdk_variant"),
    *("screen_width", "screen_height", "screen_density", "locale", "timezone", "country", "carrier", "network_type"),
    *("sdk_version", "schema_version", "idfa", "idfv", "gaid", "att_status", "advertiser_tracking_enabled"),
    *("advertiser_data", "fingerprint", "install_time", "first_open_time", "source", "timestamp"),
)
_ID_KEYS: Final = (
    *("anonymous_id", "anonymousId", "user_id", "userId", "visitor_id", "visitorId", "distinct_id", "distinctId"),
    *("session_id", "sessionId", "event_id", "eventId", "previous_id", "previousId", "identified_at", "consent"),
)
_EVIDENCE_KEYS: Final = (
    *(*UTM_KEYS, "utm_id", "utm_source_platform", "utm_creative_format", "utm_marketing_tactic"),
    *(*CLICK_KEYS, "clickId", "clickIdType", "lyr", "datalyr", "dl_tag", "dl_ksource", "dl_kmessage_id", "gad_source"),
    *("referrer", "referrerHost", "referrer_host", "url", "landingPage", "landingPath", "captured_at", "expires_at"),
    *("_fbp", "_fbc", "fbp", "fbc", "_ttp", "_ttc", "_gcl_aw", "_ga", "_gid", "_scid"),
)
_APP_ATTRIBUTION_KEYS: Final = (
    *("campaign_source", "campaign_medium", "campaign_name", "campaign_term", "campaign_content", "dl_campaign"),
    *("partner_id", "affiliate_id", "referrer_id", "source_id", "campaign_id", "ad_id", "adset_id", "creative_id"),
    *("placement_id", "keyword", "matchtype", "network", "device", "click_id", "deep_link_url"),
    *("web_visitor_id", "web_user_id", "web_timestamp", "match_method", "attribution_source", "install_referrer_url"),
    *("referrer_click_timestamp", "install_begin_timestamp", "attribution_timestamp"),
    *("asa_attribution", "asa_campaign_id", "asa_campaign_name", "asa_ad_group_id", "asa_ad_group_name", "asa_region"),
    *("asa_adgroup_id", "asa_adgroup_name", "asa_country_or_region", "asa_keyword_id", "asa_keyword", "asa_org_id"),
    *("asa_org_name", "asa_ad_id", "asa_conversion_type", "asa_click_date", "asa_creative_set_id"),
    *("asa_creative_set_name",),
)

_APP_OWN: Final = frozenset((*_DEVICE_KEYS, *_ID_KEYS, *_EVIDENCE_KEYS, *_APP_ATTRIBUTION_KEYS))
_NODE_OWN: Final = frozenset(("anonymous_id",))
_PLAIN_OWN: Final = frozenset((*_ID_KEYS, *_EVIDENCE_KEYS))
_SDK_OWN: Final = {"node": _NODE_OWN, **dict.fromkeys(schema.MOBILE_SDKS, _APP_OWN)}
"""Keys of a flat ``$identify`` that the SDK wrote: what is left are the traits."""

_IDENTIFY: Final = ("$identify", "identify")
_ALIAS: Final = ("$alias", "alias")
_ANONYMOUS: Final = ("anonymous_id", "anonymousId")
_USER: Final = ("user_id", "userId")
_PREVIOUS: Final = ("previous_id", "previousId")
_NEW_USER: Final = ("new_user_id", "newUserId")
_NESTED_NEW_USER: Final = (*_NEW_USER, "userId", "user_id")
_TOP: Final = (
    ("event_id", ("event_id", "eventId")),
    ("timestamp", ("timestamp",)),
    ("anonymous_id", _ANONYMOUS),
    ("user_id", _USER),
    ("identified_at", ("identified_at", "identifiedAt")),
    ("aliased_at", ("aliased_at", "aliasedAt")),
)


# ---- lifting -------------------------------------------------------------------------------------


def lift(body: object, *, report: LoadReport) -> list[Row]:
    """Turn one decoded JSON value into flat rows, one a event, in the order they stand in it.

    The shape is told by the payload itself (``ENVELOPES``, then ``SHAPES``; the first that fits).
    Rows of nested shapes hold canonical keys and the raw inputs of the marketing evidence, each
    only where it is present and not null or blank, and ``properties``: the payload as it came.
    Flat records pass as they are. The event's time is the top-level ``timestamp``, never the one
    in the payload (that is the touch's). Whatever holds no event is counted as ``skipped_bodies``;
    nothing raises. A lifted row lifted again stays as it is.

    >>> report = LoadReport()
    >>> event = {"event_name": "pageview", "anonymous_id": "anon_1", "event_data": {"gclid": "G"}}
    >>> lift([{"events": [event], "batchId": "b"}, {"workspaceId": "ws"}], report=report)
    [{'event_name': 'pageview', 'sdk': 'web', 'anonymous_id': 'anon_1', 'gclid': 'G', 'properties': {'gclid': 'G'}}]
    >>> report
    LoadReport: 0 events; 1 body without events skipped
    """
    rows: list[Row] = []
    waiting = [body]
    while waiting:
        one = waiting.pop()
        name = _event_name(one) if isinstance(one, dict) else None
        if name is not None and isinstance(one, dict):
            shape = next(shape for shape in SHAPES if shape.recognise(one))
            report.shapes[shape.name] += 1
            rows.append(shape.lift(one, name))
            continue
        inside = one if isinstance(one, list) else _opened(one)
        if inside:
            waiting.extend(reversed(inside))
        else:
            report.add("skipped_bodies")
    return rows


def _event_name(body: Row) -> str | None:
    for key in NAME_KEYS:
        name = body.get(key)
        if isinstance(name, str) and name:
            return name
    return None


def _opened(body: object) -> list[object] | None:
    """What an envelope holds; None where it is none."""
    if isinstance(body, dict):
        for envelope in ENVELOPES:
            if envelope.recognise(body):
                return envelope.unpack(body)
    return None


# ---- envelopes: bodies that hold events ----------------------------------------------------------


def _is_request(body: Row) -> bool:
    return isinstance(body.get("body"), dict | list) and ("path" in body or "headers" in body)


def _body_of_request(body: Row) -> list[object]:
    return [body["body"]]


def _is_batch(body: Row) -> bool:
    return isinstance(body.get("events"), list)


def _events_of_batch(body: Row) -> list[object]:
    events = body["events"]
    return events if isinstance(events, list) else []


# ---- web -----------------------------------------------------------------------------------------


def _is_web(body: Row) -> bool:
    if isinstance(body.get("event_data"), dict) or isinstance(body.get("eventData"), dict):
        return True
    return _mark(body) == "web" and isinstance(body.get("properties"), dict)


def _lift_web(body: Row, name: str) -> Row:
    """One browser event: ``event_data`` is one flat bag of the caller's, the touch's and the session's keys."""
    data = _part(body, "event_data", "eventData", "properties")
    row = _start(body, data, name, "web")
    _put(row, "sdk_version", _first(body, ("sdk_version", "sdkVersion")))
    _put(row, "session_id", _first(body, ("session_id", "sessionId")))
    _settle_who(row, body, ("visitor_id", "visitorId"))
    _take(row, data, _TAKEN_FROM_WEB)
    _take(row, body, _TAKEN)
    fingerprint = _part(data, "device_fingerprint", "fingerprint")
    _put(row, "user_agent", _first(fingerprint, ("userAgent", "user_agent")))
    _put(row, "user_agent", _first(body, ("user_agent", "userAgent")))
    _put(row, "ua_mobile", _part(fingerprint, "userAgentData").get("mobile"))
    return _finish(row, body, data, {})


# ---- /track calls: React Native, Swift, Node -----------------------------------------------------


def _is_app(body: Row) -> bool:
    return _mark(body) in schema.MOBILE_SDKS


def _lift_app(body: Row, name: str) -> Row:
    """One app event: device keys, the kept attribution and the caller's keys lie flat in ``properties``.

    The session is ``context.session_id``: ``properties.session_id`` still names the old one after a reset.
    """
    sdk = _mark(body) or "react_native"
    properties, context = _part(body, "properties", "event_data"), _part(body, "context")
    row = _start(body, properties, name, sdk)
    _put(row, "sdk_version", _first(context, ("version",)))
    _put(row, "sdk_version", _first(properties, ("sdk_version",)))
    _put(row, "session_id", _first(context, ("session_id",)))
    _put(row, "session_id", _first(properties, ("sessionId",)))
    _take(row, properties, _TAKEN_FROM_APPS)
    row["has_user_properties"] = bool(context.get("userProperties"))
    if name == "$web_attribution_merged":
        _put(row, "match_method", "email")
    return _finish(row, body, properties, context)


def _is_node(body: Row) -> bool:
    return _mark(body) in schema.SERVER_SDKS


def _lift_node(body: Row, name: str) -> Row:
    """One server call: no session, and often a one-shot anonymous id."""
    properties, context = _part(body, "properties"), _part(body, "context")
    row = _start(body, properties, name, "node")
    _put(row, "sdk_version", _first(context, ("version",)))
    _take(row, properties, _TAKEN)
    return _finish(row, body, properties, context)


# ---- what people post and keep themselves --------------------------------------------------------


def _has_sub_objects(body: Row) -> bool:
    return any(isinstance(body.get(part), dict) for part in ("attribution", "page", "device"))


def _lift_sub_objects(body: Row, name: str) -> Row:
    """The documentation's row: ``properties`` beside ``attribution``, ``page`` and ``device``."""
    properties, device = _part(body, "properties"), _part(body, "device")
    row = _start(body, properties, name, _mark(body) or "unknown")
    _put(row, "session_id", _first(body, ("session_id", "sessionId")))
    _settle_who(row, body, ("visitor_id",))
    for part in (_part(body, "attribution"), _part(body, "page"), properties, body):
        _take(row, part, _TAKEN)
    _put(row, "user_agent", _first(device, ("user_agent", "userAgent")))
    return _finish(row, body, properties, _part(body, "context"))


def _has_properties(body: Row) -> bool:
    return isinstance(body.get("properties"), dict)


def _lift_http(body: Row, name: str) -> Row:
    """One event posted without an SDK: snake case like the web's, ``properties`` like the apps'."""
    properties = _part(body, "properties")
    row = _start(body, properties, name, _mark(body) or "http")
    _put(row, "session_id", _first(body, ("session_id", "sessionId")))
    _put(row, "session_id", _first(properties, ("session_id", "sessionId")))
    _settle_who(row, body, ("visitor_id",))
    _take(row, properties, _TAKEN)
    _take(row, body, _TAKEN)
    _put(row, "user_agent", _first(body, ("user_agent", "userAgent")))
    return _finish(row, body, properties, _part(body, "context"))


def _is_identity_record(body: Row) -> bool:
    """The ``$identify`` that the product's page shows; no SDK sends it in this form."""
    return isinstance(body.get("traits"), dict) or any(key in body for key in ("identified_at", *_PREVIOUS))


def _lift_identity_record(body: Row, name: str) -> Row:
    row = {key: value for key, value in body.items() if isinstance(value, dict | list) or _is_value(value)}
    return {**row, "event_name": name, "sdk": _mark(body) or "unknown"}


def _is_row(body: Row) -> bool:
    sdk = body.get("sdk")
    return isinstance(sdk, str) and sdk in _SDKS


def _is_anything(_: Row) -> bool:
    return True


def _as_it_is(body: Row, _: str) -> Row:
    return dict(body)


_SDKS: Final = frozenset(("web", *schema.SERVER_SDKS, *schema.MOBILE_SDKS, "http", "unknown"))


# ---- the shapes ----------------------------------------------------------------------------------


class Envelope(NamedTuple):
    """A body that holds bodies: how to tell it, and how to take them out."""

    name: str
    recognise: Callable[[Row], bool]
    unpack: Callable[[Row], list[object]]


class Shape(NamedTuple):
    """A body that is one event: how to tell it, and how to make it a flat row."""

    name: str
    recognise: Callable[[Row], bool]
    lift: Callable[[Row, str], Row]


ENVELOPES: Final = (
    Envelope("captured request", _is_request, _body_of_request),
    Envelope("batch (web, /events)", _is_batch, _events_of_batch),
)

SHAPES: Final = (
    Shape("flat", _is_row, _as_it_is),
    Shape("web event", _is_web, _lift_web),
    Shape("app event", _is_app, _lift_app),
    Shape("node call", _is_node, _lift_node),
    Shape("documentation row", _has_sub_objects, _lift_sub_objects),
    Shape("http event", _has_properties, _lift_http),
    Shape("identity record", _is_identity_record, _lift_identity_record),
    Shape("flat", _is_anything, _as_it_is),
)
"""The first that fits; whatever has an event's name fits the last."""

FLAT_SHAPES: Final = ("flat", "identity record")
"""Shapes that keep their columns as they came."""


# ---- what the shapes share -----------------------------------------------------------------------


def _mark(body: Row) -> str | None:
    """The SDK by its own marks: library, source, sdk_name; None where there are none."""
    context, properties, sdk_name = body.get("context"), body.get("properties"), body.get("sdk_name")
    sdk = _mark_of_context(body, context) if isinstance(context, dict) else None
    if sdk is not None:
        return sdk
    if (isinstance(sdk_name, str) and "web" in sdk_name) or _says(body, "resolution_method", "browser_sdk"):
        return "web"
    if _says(body, "source", "web") and "workspace_id" in body:
        return "web"
    is_app = isinstance(properties, dict) and _says(properties, "source", "mobile_app")
    return _app_by_shape(body) if is_app else None


def _mark_of_context(body: Row, context: Row) -> str | None:
    library = context.get("library")
    if isinstance(library, str):
        for part, sdk in _LIBRARIES:
            if part in library:
                return sdk
    if _says(context, "source", "mobile_app"):
        return _app_by_shape(body)
    return "node" if _says(context, "source", "api") else None


def _says(part: Row, key: str, text: str) -> bool:
    """Whether a key holds this text; whatever else stands there (even pandas' NA) is another answer."""
    value = part.get(key)
    return isinstance(value, str) and value == text


def _app_by_shape(body: Row) -> str:
    """An app's SDK without its library's name: only Swift writes UUIDs in upper case."""
    event_id = _first(body, ("eventId", "event_id"))
    return "swift" if isinstance(event_id, str) and event_id.isupper() else "react_native"


def _start(body: Row, nested: Row, name: str, sdk: str) -> Row:
    row: Row = {"event_name": name, "sdk": sdk}
    for key, spellings in _TOP:
        for spelling in spellings:
            value = body.get(spelling)
            if value is not None and _is_value(value):
                row[key] = value
                break
    if "anonymous_id" not in row:
        _put(row, "anonymous_id", _first(nested, _ANONYMOUS))
    return row


def _settle_who(row: Row, body: Row, visitor_keys: tuple[str, ...]) -> None:
    """Ids under their other names, where the row has none: visitor_id is the device, distinct_id either."""
    if "anonymous_id" not in row:
        _put(row, "anonymous_id", _first(body, visitor_keys))
    if "anonymous_id" not in row and "user_id" not in row:
        distinct = _first(body, ("distinct_id", "distinctId"))
        is_device = isinstance(distinct, str) and distinct.startswith("anon_")
        _put(row, "anonymous_id" if is_device else "user_id", distinct)


def _take(row: Row, part: Row, keys: Mapping[str, str]) -> None:
    """Put what ``keys`` name into the row; what stands there already wins."""
    for key, value in part.items():
        target = keys.get(key)
        if target is not None and target not in row and _is_value(value):
            row[target] = value
    for target, spellings in _ELSE:
        if target not in row:
            _put(row, target, _first(part, spellings))


def _finish(row: Row, body: Row, nested: Row, context: Row) -> Row:
    """Consent, identity and the payload itself."""
    consent = nested.get("consent")
    if isinstance(consent, dict):
        for purpose in ("marketing", "sale"):
            if isinstance(consent.get(purpose), bool):
                row[f"consent_{purpose}"] = consent[purpose]
    if row["event_name"] in _IDENTIFY:
        _put(row, "user_id", _first(nested, _USER))
        _put(row, "previous_id", _first(body, _PREVIOUS))
        _put(row, "previous_id", _first(nested, _PREVIOUS))
        _put(row, "identified_at", _first(nested, ("identified_at", "identifiedAt")))
        traits = _traits(str(row["sdk"]), body, nested, context)
        if traits is not None:
            row["traits"] = traits
    elif row["event_name"] in _ALIAS:
        _put(row, "aliased_at", _first(nested, ("aliased_at", "aliasedAt")))
        _finish_alias(row, body, nested)
    if nested or isinstance(body.get("properties"), dict):
        row["properties"] = nested
    return row


def _finish_alias(row: Row, body: Row, nested: Row) -> None:
    """The two ids of an ``$alias``; on apps the top level still names the old user."""
    new_user = _first(body, _NEW_USER)
    new_user = _first(nested, _NESTED_NEW_USER) if new_user is None else new_user
    if new_user is not None and str(new_user) != str(row.get("user_id")):
        row["new_user_id"] = new_user
    previous = _first(body, _PREVIOUS)
    previous = _first(nested, _PREVIOUS) if previous is None else previous
    # React Native's default is its internal visitor id, which no event carries.
    internal = _first(nested, ("visitorId",))
    is_internal = previous is not None and previous == internal and previous != row.get("anonymous_id")
    if not is_internal:
        _put(row, "previous_id", previous)


def _traits(sdk: str, body: Row, nested: Row, context: Row) -> Row | None:
    """The traits of this one call, from the first place that has them; an explicit null stays."""
    for found in (body.get("traits"), nested.get("traits"), nested.get("properties"), nested.get("$set")):
        if isinstance(found, dict):
            return found
    if sdk == "web":
        return None
    known = context.get("userProperties")
    if isinstance(known, dict) and known:
        # Apps send every trait so far; this call's own are those that also lie flat in the payload.
        return {key: value for key, value in known.items() if key in nested}
    own = _SDK_OWN.get(sdk, _PLAIN_OWN)
    return {key: value for key, value in nested.items() if key not in own}


def _part(body: Row, *keys: str) -> Row:
    """The first of these keys that holds an object; an empty one where none does."""
    for key in keys:
        part = body.get(key)
        if isinstance(part, dict):
            return part
    return {}


def _first(part: Row, keys: tuple[str, ...]) -> object:
    for key in keys:
        value = part.get(key)
        if value is not None and _is_value(value):
            return value
    return None


def _put(row: Row, key: str, value: object) -> None:
    if key not in row and value is not None and _is_value(value):
        row[key] = value


def _is_value(value: object) -> bool:
    """Whether a value says something: null, blank, NaN, objects and lists do not."""
    if isinstance(value, str):
        return value != ""
    if isinstance(value, bool | int):
        return True
    if value is None or hasattr(value, "__len__"):
        return False
    return not pd.isna(value)  # type: ignore[call-overload]
