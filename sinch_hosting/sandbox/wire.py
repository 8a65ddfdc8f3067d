"""What goes over the wire: a call as it came in, and records as they are written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from attrs import define

from .clock import wire_time
from .records import (
    CARRIERS,
    DONE,
    FAILED,
    FAILURE_CODES,
    IN_PROGRESS,
    QUALIFICATION_PREFIX,
    UNSPECIFIED,
    WAITING,
    Carrier,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .records import HostingOrder, ImportedNumber, OrderNumber, QualifiedNumber, Step
    from .rules import Rules

Json: TypeAlias = dict[str, Any]


@define
class Call:
    """One request to one operation: path parameters, query, and the checked body.

    ``lag`` is by how many virtual seconds its list is to lag behind.
    """

    path: dict[str, str]
    query: dict[str, str]
    body: Json
    lag: float = 0.0


def order_json(order: HostingOrder, project_id: str) -> Json:
    """Return a HostingOrder."""
    body: Json = {
        "projectId": project_id,
        "hostingOrderId": order.hosting_order_id,
        "displayName": order.display_name,
        "regionCode": order.region_code,
        "state": order.state,
        "type": order.type,
        "createdTime": wire_time(order.created),
        "updatedTime": wire_time(order.updated),
        "servicePlanId": order.service_plan_id,
        "campaignId": order.campaign_id,
        "migrateToSinchTmo": order.migrate_to_sinch_tmo,
        "callbackUrl": order.callback_url,
    }
    if order.scheduled is not None:
        body["scheduledOsrUpdateTime"] = wire_time(order.scheduled)
    if order.type == "IMPORT":
        body["numberImport"] = "{}"
    else:
        info: Json = {**(order.letter_info or {}), "loaType": order.letter_kind}
        if order.nnid and not order.toll_free:
            info["nnid"] = order.nnid
        body["textEnableInfo"] = info
    return body


def order_number_json(order: HostingOrder, number: OrderNumber, project_id: str) -> Json:
    """Return a HostingOrderNumber."""
    body: Json = {
        "projectId": project_id,
        "hostingOrderId": order.hosting_order_id,
        "phoneNumber": number.phone_number,
        "osrUpdate": {"nnid": order.nnid, "state": number.osr},
        "platformProvisioning": {
            "servicePlanId": order.service_plan_id,
            "state": number.platform,
        },
    }
    if order.campaign_id:
        body["campaignProvisioning"] = {
            "campaignId": order.campaign_id,
            "state": number.campaign,
        }
    for name, carrier in zip(CARRIERS, number.carriers, strict=True):
        body[name] = _carrier(carrier)
    return body


def imported_json(number: ImportedNumber, project_id: str, rules: Rules) -> Json:
    """Return an ImportedNumber, without what only GET and lists add."""
    plan, campaign = number.service_plan_id, number.campaign_id
    sms: Json = {
        "servicePlanId": plan,
        "campaignId": campaign,
        "migrateToSinchTmo": number.migrate_to_sinch_tmo,
    }
    if rules.links == "scheduled":
        asked: tuple[tuple[str, str, Step | None], ...] = (
            ("servicePlanId", plan, number.platform),
            ("campaignId", campaign, number.campaign),
        )
        pending = {name: step for name, wanted, step in asked if wanted and step and not step.done}
        if pending:
            sms.update(dict.fromkeys(pending, ""))
            sms["scheduledProvisioning"] = _scheduled(pending, rules.enums == "texts")
    return {
        "phoneNumber": number.phone_number,
        "projectId": project_id,
        "regionCode": number.region_code,
        "displayName": number.display_name,
        "smsConfiguration": sms,
        "callbackUrl": number.callback_url,
    }


def imported_response_json(number: ImportedNumber, project_id: str, rules: Rules) -> Json:
    """Return an ImportedNumberResponse: with provisioning and carriers."""
    body = imported_json(number, project_id, rules)
    operation = number.carrier_operation
    body["mnoConfiguration"] = {
        name: {**_carrier(carrier), "operation": operation}
        for name, carrier in zip(CARRIERS, number.carriers, strict=True)
    }
    body["smsProvisioning"] = _step(number.platform, "SMS")
    if number.campaign is not None:
        body["campaignProvisioning"] = _step(number.campaign, "CAMPAIGN")
    return body


def qualified_json(number: QualifiedNumber, project_id: str, rules: Rules) -> Json:
    """Return a QualifiedNumber."""
    state = number.state
    body: Json = {
        "phoneNumber": number.phone_number,
        "projectId": project_id,
        "regionCode": number.region_code,
        "globalProcessState": QUALIFICATION_PREFIX + state,
        "osrEligibility": _outcome(number.eligibility_error, state == "ELIGIBLE_CHECK_PENDING"),
        "ownershipVerification": _ownership(number),
        "createdTime": wire_time(number.created, 6),
        "updatedTime": wire_time(number.updated, 6),
    }
    if state in {"HOSTING_DONE", "HOSTING_FAILED"}:
        failed = state == "HOSTING_FAILED"
        status = _HOSTING_STATUSES[failed] if rules.enums == "texts" else 1 + failed
        body["hostedNumber"] = {"status": status, "error": number.hosting_error}
    return body


_HOSTING_STATUSES = ("HOSTING_STATUS_HOSTED", "HOSTING_STATUS_FAILED")
_SCHEDULED_STATUSES = ("PROVISIONING_STATUS_UNSPECIFIED", WAITING, IN_PROGRESS, FAILED)
"""The sister API's names for the statuses of what is scheduled, in the order of their numbers."""


def _scheduled(pending: Mapping[str, Step], texts: bool) -> Json:
    """Return a ScheduledProvisioning: the steps that are *pending*, under their fields."""
    found = {step.state for step in pending.values()}
    status = next(state for state in (FAILED, IN_PROGRESS, WAITING) if state in found)
    codes = [step.error_code for step in pending.values() if step.error_code in FAILURE_CODES]
    return {
        **{name: step.service_id for name, step in pending.items()},
        "status": status if texts else _SCHEDULED_STATUSES.index(status),
        "lastUpdatedTime": wire_time(max(step.updated for step in pending.values()), 6),
        "errorCodes": codes if texts else [FAILURE_CODES.index(code) + 1 for code in codes],
    }


def _ownership(number: QualifiedNumber) -> Json:
    if not number.needs_verification and number.state != "VERIFICATION_PENDING":
        return {"status": UNSPECIFIED, "error": ""}
    if number.state in {"ELIGIBLE_CHECK_PENDING", "ELIGIBLE", "NOT_ELIGIBLE"}:
        return {"status": WAITING, "error": ""}
    return _outcome(number.verification_error, number.state == "VERIFICATION_PENDING")


def _outcome(error: str, pending: bool) -> Json:
    if error:
        return {"status": FAILED, "error": error}
    return {"status": IN_PROGRESS if pending else DONE, "error": ""}


def _carrier(carrier: Carrier) -> Json:
    body = {"state": carrier.state}
    if carrier.error_code:
        body["errorCode"] = carrier.error_code
        body["errorMessage"] = carrier.error_message
    if carrier.updated:
        body["updateTime"] = wire_time(carrier.updated, 6)
    return body


def _step(step: Step, service_type: str) -> Json:
    return {
        "serviceType": service_type,
        "serviceId": step.service_id,
        "type": step.type,
        "state": step.state,
        "updateTime": wire_time(step.updated, 6),
        "errorMessage": step.error_message,
        "errorCode": step.error_code,
    }
