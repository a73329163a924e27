"""The rules of the linter, as data: a row each, in the order in which a tracking plan is put right."""

from __future__ import annotations

from typing import Final

from datalyr_notebook.lint import consent, deliveries, devices, ids, traits, users
from datalyr_notebook.lint.findings import Rule

_REMOVE: Final = (
    "Take it out of the identify() call and have what is stored deleted: never send passwords, SSNs or cards."
)
_SAME_ID: Final = (
    "Use one user_id everywhere (the primary key of your database), or call alias(new, old) once; "
    "for the past stitch(events, merge_on=('email',))"
)

RULES: Final = (
    # ---- user_id ---------------------------------------------------------------------------------
    Rule(
        "null_like_user_id",
        "error",
        "The user_id is blank, or a text that stands for nobody; these events link no one.",
        "Call identify() only when the user is known, with a non-empty string that is that user's id.",
        ids.null_like_user_ids,
    ),
    Rule(
        "identify_without_user_id",
        "error",
        "$identify events have no user_id.",
        "Pass the user's id as the first argument of identify().",
        ids.identifies_without_user,
    ),
    Rule(
        "anonymous_id_as_user_id",
        "error",
        "The user_id is an anonymous_id, or has the form of one.",
        "Never identify with the anonymous id. A payment webhook's client_reference_id belongs in anonymous_id.",
        ids.device_ids_as_user,
    ),
    Rule(
        "user_id_too_long",
        "warning",
        f"The user_id has more than {ids.LONGEST_USER_ID} characters.",
        f"Use an id of at most {ids.LONGEST_USER_ID} characters, such as the primary key of your database.",
        ids.long_user_ids,
    ),
    Rule(
        "spreadsheet_ids",
        "error",
        "Ids look as a spreadsheet or a float column leaves them: digits, zeros or the whole id are lost.",
        "Export again without opening the file in a spreadsheet, and read it with dtype=str for the id columns.",
        ids.spreadsheet_ids,
    ),
    Rule(
        "user_id_per_session",
        "warning",
        "The user_id changes with every session of the device and is seen nowhere else: it may be the session's.",
        "Use an id that stays the same for the user, not one of the session.",
        users.user_ids_per_session,
    ),
    Rule(
        "email_user_id_twin",
        "warning",
        "One person has two user_ids: an e-mail, and an id whose e-mail trait is the same.",
        f"{_SAME_ID}.",
        users.email_user_id_twins,
    ),
    Rule(
        "user_id_differs_by_platform",
        "warning",
        "One e-mail has another user_id on each platform.",
        f"{_SAME_ID}.",
        users.user_ids_differ_by_platform,
    ),
    Rule(
        "email_on_several_user_ids",
        "warning",
        "One e-mail is on several user_ids.",
        f"{_SAME_ID}, if the e-mail is one person's.",
        users.emails_on_several_users,
    ),
    # ---- identify --------------------------------------------------------------------------------
    Rule(
        "platform_never_identifies",
        "warning",
        "A platform never identifies anybody: none of its events has a user_id.",
        "Call identify() there after login and on each start for logged-in users, with the same user_id.",
        users.platforms_that_never_identify,
    ),
    Rule(
        "identified_once",
        "info",
        "Users were identified by one call only, although their device goes on afterwards.",
        "Identify early and often: on each page for logged-in users (current SDKs do not send an unchanged one again).",
        users.users_identified_once,
    ),
    Rule(
        "user_without_email",
        "info",
        "Users have no e-mail: {covered} of {known} ({share}) can be matched by one.",
        "Include the e-mail among the traits of identify(); payments are matched by it.",
        users.users_without_email,
    ),
    # ---- traits ----------------------------------------------------------------------------------
    Rule(
        "sensitive_trait_value",
        "error",
        "Traits hold a payment card number or a social security number.",
        _REMOVE,
        traits.sensitive_trait_values,
    ),
    Rule(
        "sensitive_trait_name",
        "error",
        "Traits are named like a password, a key, a card or a social security number.",
        _REMOVE,
        traits.sensitive_trait_names,
    ),
    Rule(
        "traits_not_an_object",
        "error",
        "The traits of $identify are no object, so none is read.",
        "Pass traits as an object of names and values; decode text first with json.loads.",
        traits.traits_that_are_no_dict,
    ),
    Rule(
        "trait_type",
        "warning",
        "Traits have values that are no string, number, boolean or array.",
        "Send valid JSON types: a date as ISO text, an object as several traits, no NaN.",
        traits.odd_trait_types,
    ),
    Rule(
        "too_many_traits",
        "warning",
        "identify() was called with more than 50 traits.",
        "Send at most 50 traits a call; what changes often is an event property.",
        traits.too_many_traits,
    ),
    Rule(
        "trait_name_not_snake_case",
        "info",
        "Trait names are not snake_case.",
        "Write trait names in snake_case, the same one on every platform.",
        traits.trait_names_not_snake_case,
    ),
    # ---- devices ---------------------------------------------------------------------------------
    Rule(
        "null_like_anonymous_id",
        "error",
        "The anonymous_id is a text that stands for nobody; these events are tied to no device.",
        "Leave the anonymous_id to the SDK; a server that knows none leaves it out.",
        ids.null_like_anonymous_ids,
    ),
    Rule(
        "event_without_id",
        "error",
        "Events have neither a user_id nor an anonymous_id: they are nobody's, and their value is left out.",
        "Send the anonymous_id with every event; with webhooks, the visitor_id kept at checkout.",
        devices.events_without_any_id,
    ),
    Rule(
        "device_with_too_many_users",
        "error",
        f"An anonymous_id has more than {devices.MOST_USERS} users: a server's or a kiosk's, hardly a person's.",
        "On servers pass the visitor's own anonymousId (Node SDK 1.3 or later); look with shared_devices(events).",
        devices.crowded_devices,
    ),
    Rule(
        "shared_device",
        "warning",
        "An anonymous_id has several users.",
        "Call reset() at logout. Whose the anonymous events are, the policy decides: compare_policies(events).",
        devices.shared_devices,
    ),
    Rule(
        "reset_keeps_anonymous_id",
        "info",
        "A device was identified as one user and then as another under the same anonymous_id.",
        "Call reset() at logout, and update the SDK: current ones begin a new anonymous_id then.",
        devices.resets_that_keep_the_device,
    ),
    Rule(
        "reset_rotates_anonymous_id",
        "info",
        "Users have a new anonymous_id in every visit.",
        "Do not call reset() while the user stays logged in, and look for cleared storage: it loses the first touch.",
        devices.resets_that_rotate_the_device,
    ),
    # ---- deliveries ------------------------------------------------------------------------------
    Rule(
        "reused_event_id",
        "error",
        "An event_id came again with another value, order or user: only the first is kept.",
        "Give every event an id of its own; leave it to the SDK, or derive it from the payment.",
        deliveries.reused_event_ids,
    ),
    Rule(
        "duplicate_event_id",
        "info",
        "Events were delivered more than once; loading keeps the first.",
        "Nothing to do: SDKs deliver at least once. Many of one webhook: acknowledge it sooner.",
        deliveries.duplicate_event_ids,
    ),
    Rule(
        "event_id_with_several_names",
        "warning",
        "One event_id is on events of different names, which stay two events.",
        "Give every event an id of its own.",
        deliveries.event_ids_with_several_names,
    ),
    Rule(
        "order_id_of_several_users",
        "error",
        "One order_id is on events of several user_ids: it counts once for each.",
        "Send order ids that are unique over all shops, and one user_id a customer.",
        deliveries.order_ids_of_several_users,
    ),
    Rule(
        "duplicate_order_id",
        "warning",
        "One order came as several events (browser and webhook, or a reload of the receipt).",
        "find_conversions counts an order once; totals made by hand must do the same.",
        deliveries.duplicate_order_ids,
    ),
    Rule(
        "value_not_a_number",
        "warning",
        "Values are no numbers, and were left empty.",
        "Send value as a number in major units (99.99), the currency beside it.",
        deliveries.values_that_are_no_numbers,
    ),
    Rule(
        "timestamp_in_future",
        "warning",
        "Events lie in the future.",
        "Send UTC. Check the clocks, and whether seconds were taken for milliseconds.",
        deliveries.future_timestamps,
    ),
    Rule(
        "timestamp_implausible",
        "warning",
        "Events lie before the year 2000.",
        "Check whether epoch seconds were divided once too often, and devices whose clock was never set.",
        deliveries.ancient_timestamps,
    ),
    Rule(
        "clock_ahead",
        "warning",
        "Events are later than their own receipt: the device's clock was ahead.",
        "Correct these by the time of receipt; a touch may otherwise stand behind its conversion.",
        deliveries.clocks_ahead,
    ),
    Rule(
        "session_jumps",
        "warning",
        "Sessions stand still for more than a day: a clock was changed, or a session id was kept.",
        "Update the SDK; for these devices leave session_id out, so that gaps cut the visits.",
        deliveries.sessions_that_jump,
    ),
    Rule(
        "timestamp_without_zone",
        "info",
        "Timestamps have no time zone, and were taken as UTC.",
        "If they are in the workspace's zone: df['timestamp'].dt.tz_localize('America/Chicago').",
        deliveries.timestamps_without_zone,
    ),
    # ---- consent ---------------------------------------------------------------------------------
    Rule(
        "click_id_after_refusal",
        "error",
        "Click ids are still there although consent for marketing or sale was declined.",
        "Strip click ids from addresses before events are sent; do not pass them on to ad platforms.",
        consent.clicks_after_refusal,
    ),
)
"""The order is that of reading only; the table of findings is sorted by severity, value and events."""
