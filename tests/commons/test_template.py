"""The template: cfn-lint finds nothing, and what keeps people's opinions safe is in it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cfnlint
import pytest
from cfnlint.decode import decode

import lib_pxl.commons
from lib_pxl.commons import erase, function, intake, lake, ledger, quota, ticket

PATH = Path(lib_pxl.commons.__file__).with_name("template.yaml")
TEMPLATE: dict[str, Any] = decode(str(PATH))[0]
RESOURCES: dict[str, Any] = TEMPLATE["Resources"]
FOLDERS = {erase.FOLDER, intake.FOLDER, intake.QUARANTINE, lake.FOLDER, ledger.FOLDER, quota.FOLDER}


def lint(text: str) -> list[str]:
    return [str(found) for found in cfnlint.lint(text, config={"regions": ["us-east-1", "eu-central-1"]})]


def properties(name: str) -> dict[str, Any]:
    found = RESOURCES[name]["Properties"]
    assert isinstance(found, dict)
    return found


def allowed(name: str, action: str) -> set[str]:
    """The folders of the bucket in which a function may do this."""
    found: set[str] = set()
    for statement in properties(name)["Policies"][0]["Statement"]:
        if statement["Action"] == action:
            places = statement["Resource"]
            for place in places if isinstance(places, list) else [places]:
                found.add(place["Fn::Sub"].partition("${AWS::Region}")[2].strip("/*") + "/")
    return found


def test_cfn_lint_finds_nothing_to_say() -> None:
    assert lint(PATH.read_text(encoding="utf-8")) == []


def test_cfn_lint_would_say_something() -> None:
    assert lint(PATH.read_text(encoding="utf-8").replace("SSEAlgorithm: AES256", "SSEAlgorithm: ROT13"))


def test_the_bucket_is_nobody_elses_and_forgets() -> None:
    bucket = properties("Bucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket["PublicAccessBlockConfiguration"]) == 4
    assert bucket["BucketEncryption"] and bucket["VersioningConfiguration"] == {"Status": "Suspended"}
    days = {each.get("Prefix"): each.get("ExpirationInDays") for each in bucket["LifecycleConfiguration"]["Rules"]}
    assert days["in/"] and days["quarantine/"] and days["quota/"] == 1
    assert not {"ledger/", "lake/", "erase/", ""} & days.keys()
    policy = properties("OnlyEncrypted")["PolicyDocument"]["Statement"][0]
    assert policy["Effect"] == "Deny" and policy["Condition"] == {"Bool": {"aws:SecureTransport": False}}


def test_an_upload_and_a_wish_wake_the_intake() -> None:
    woken = properties("Bucket")["NotificationConfiguration"]["LambdaConfigurations"]
    assert {each["Filter"]["S3Key"]["Rules"][0]["Value"] for each in woken} == {intake.FOLDER, erase.FOLDER}
    assert properties("Receive")["Events"]["Sweep"]["Properties"]["Schedule"] == "rate(1 hour)"
    assert properties("Receive")["EventInvokeConfig"]["DestinationConfig"]["OnFailure"]


def test_each_function_may_do_what_it_does_and_no_more() -> None:
    assert allowed("Ticket", "s3:GetObject") == {ledger.FOLDER, quota.FOLDER}
    assert allowed("Ticket", "s3:PutObject") == {intake.FOLDER, erase.FOLDER, ledger.FOLDER, quota.FOLDER}
    assert allowed("Ticket", "s3:DeleteObject") == set()
    assert allowed("Receive", "s3:GetObject") == {intake.FOLDER, erase.FOLDER, ledger.FOLDER}
    assert allowed("Receive", "s3:PutObject") == {ledger.FOLDER, lake.FOLDER, intake.QUARANTINE}
    assert allowed("Receive", "s3:DeleteObject") == FOLDERS - {ledger.FOLDER}
    for name in ("Ticket", "Receive"):
        actions = {each["Action"] for each in properties(name)["Policies"][0]["Statement"]}
        assert actions <= {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:ListBucket"}


@pytest.mark.parametrize("name", ["Ticket", "Receive"])
def test_a_function_is_ours_is_bounded_and_keeps_its_log_for_two_weeks(name: str) -> None:
    told = properties(name)
    handler = told["Handler"].rpartition(".")
    assert handler[0] == function.__name__ and callable(getattr(function, handler[2]))
    assert told["ReservedConcurrentExecutions"] and "Tracing" not in told
    assert properties(told["LoggingConfig"]["LogGroup"]["Ref"])["RetentionInDays"] == 14


def test_no_page_of_another_origin_is_invited() -> None:
    assert properties("Ticket")["FunctionUrlConfig"] == {"AuthType": "NONE"}


def test_the_environment_is_what_the_functions_read() -> None:
    named = set(TEMPLATE["Globals"]["Function"]["Environment"]["Variables"])
    read = set(re.findall(r'"(PXL_\w+)"', Path(function.__file__).read_text(encoding="utf-8")))
    assert named == read
    parameters = TEMPLATE["Parameters"]
    limits = ticket.Limits()
    assert parameters["TicketsPerRater"]["Default"] == limits.rater
    assert parameters["TicketsPerAddress"]["Default"] == limits.address


def test_every_alarm_reaches_somebody() -> None:
    alarms = [each for each in RESOURCES.values() if each["Type"] == "AWS::CloudWatch::Alarm"]
    assert len(alarms) == 4 and all(each["Properties"]["AlarmActions"] for each in alarms)
