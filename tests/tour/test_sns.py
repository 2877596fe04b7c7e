"""SNS: topics, subscriptions, and what arrives in mailboxes and at web servers."""

import email
import email.policy
import json
import os
import queue
import re
import subprocess
import threading
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tour import ACCOUNT, REGION, TAGS, every, refused, tag_list, tags_of, wait_until

ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}"


@pytest.fixture
def topic(aws):
    return aws("sns").create_topic(Name="alarms", Tags=tag_list())["TopicArn"]


@contextmanager
def web_server(confirms=False):
    """A web server on a free port, which may confirm subscriptions by itself; yields its URL and a
    queue of headers and bodies."""
    heard = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            heard.put((self.headers, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()
            document = json.loads(body) if confirms else {}
            if document.get("Type") == "SubscriptionConfirmation":
                assert fetch(document["SubscribeURL"])[0] == 200

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook", heard
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fetch(url):
    """A link, opened as a person does it: without a signature."""
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def mails(server, to):
    """The mails to one address, by Python's own reader, the oldest first."""
    folder = server.data / "data" / "mail"
    files = [path for part in ("new", "cur") for path in (folder / part).glob("*")]
    read = [email.message_from_bytes(path.read_bytes(), policy=email.policy.default) for path in sorted(files)]
    return [mail for mail in read if mail["To"] == to]


def one_mail(server, to, subject):
    """The mail with this subject, once it is there."""
    found = wait_until(
        lambda: [mail for mail in mails(server, to) if mail["Subject"] == subject], f"a mail {subject!r} to {to}"
    )
    assert len(found) == 1
    return found[0], found[0].get_content().replace("\r\n", "\n")


def link(text, page):
    return re.search(rf"http://\S+/{page}\?\S+", text).group()


def confirmed(aws, server, topic, address):
    """A mailbox that confirmed by its link."""
    arn = aws("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint=address, ReturnSubscriptionArn=True)
    _, text = one_mail(server, address, "AWS Notification - Subscription Confirmation")
    status, page = fetch(link(text, "confirmation.html"))
    assert status == 200 and "Subscription confirmed!" in page
    return arn["SubscriptionArn"]


def test_a_topic_is_made_changed_and_deleted(aws, topic):
    sns = aws("sns")
    assert topic == f"{ARN}:alarms"
    assert sns.create_topic(Name="alarms")["TopicArn"] == topic
    with refused("InvalidParameter", "Topic already exists with different tags"):
        sns.create_topic(Name="alarms", Tags=[{"Key": "other", "Value": "x"}])
    assert tags_of(sns.list_tags_for_resource(ResourceArn=topic)["Tags"]) == TAGS
    sns.tag_resource(ResourceArn=topic, Tags=[{"Key": "more", "Value": "x"}])
    sns.untag_resource(ResourceArn=topic, TagKeys=list(TAGS))
    assert tags_of(sns.list_tags_for_resource(ResourceArn=topic)["Tags"]) == {"more": "x"}

    sns.set_topic_attributes(TopicArn=topic, AttributeName="DisplayName", AttributeValue="Links")
    shown = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert (shown["DisplayName"], shown["Owner"], shown["SubscriptionsConfirmed"]) == ("Links", ACCOUNT, "0")
    assert json.loads(shown["Policy"])["Id"] == "__default_policy_ID"
    assert json.loads(shown["EffectiveDeliveryPolicy"])["http"]["defaultHealthyRetryPolicy"]["numRetries"] == 3
    with refused("InvalidParameter", "AttributeName"):
        sns.set_topic_attributes(TopicArn=topic, AttributeName="Colour", AttributeValue="red")

    sns.add_permission(TopicArn=topic, Label="other", AWSAccountId=["111122223333"], ActionName=["Publish"])
    policy = json.loads(sns.get_topic_attributes(TopicArn=topic)["Attributes"]["Policy"])
    assert policy["Statement"][1]["Action"] == "SNS:Publish"
    sns.remove_permission(TopicArn=topic, Label="other")

    sns.delete_topic(TopicArn=topic)
    sns.delete_topic(TopicArn=topic)
    with refused("NotFound", "Topic does not exist", status=404):
        sns.get_topic_attributes(TopicArn=topic)


def test_names_are_checked(aws):
    sns = aws("sns")
    for name in ("", "a b", "a.b", "x" * 257, "name.fifo"):
        with refused("InvalidParameter", "Topic Name", status=400):
            sns.create_topic(Name=name)
    with refused("NotImplemented", "FIFO"):
        sns.create_topic(Name="name.fifo", Attributes={"FifoTopic": "true"})
    with refused("InvalidParameter", "An ARN must have at least 6 elements, not 1"):
        sns.publish(TopicArn="alarms", Message="x")


def test_topics_are_listed_in_pieces(aws):
    sns = aws("sns")
    made = [sns.create_topic(Name=f"t{number:03}")["TopicArn"] for number in range(101)]
    assert [one["TopicArn"] for one in every(sns, "list_topics", "Topics")] == made


def test_a_mailbox_subscribes_reads_and_leaves(aws, server, topic):
    sns = aws("sns")
    address = "reader@example.org"
    answer = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address)
    assert answer["SubscriptionArn"] == "pending confirmation"
    listed = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    assert [one["SubscriptionArn"] for one in listed] == ["PendingConfirmation"]
    mail, text = one_mail(server, address, "AWS Notification - Subscription Confirmation")
    assert mail["From"] == "AWS Notifications <no-reply@sns.amazonaws.com>"
    assert topic in text
    status, page = fetch(link(text, "confirmation.html"))
    assert status == 200 and "Subscription confirmed!" in page
    arn = sns.list_subscriptions()["Subscriptions"][0]["SubscriptionArn"]
    shown = sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]
    assert (shown["PendingConfirmation"], shown["ConfirmationWasAuthenticated"]) == ("false", "false")

    sns.publish(TopicArn=topic, Subject="Hallo", Message="Grüße\nan alle")
    mail, text = one_mail(server, address, "Hallo")
    assert text.startswith("Grüße\nan alle\n\n--\nIf you wish to stop receiving notifications from this topic")
    status, page = fetch(link(text, "unsubscribe.html"))
    assert status == 200 and "Subscription removed!" in page
    with refused("NotFound", "Subscription does not exist"):
        sns.get_subscription_attributes(SubscriptionArn=arn)

    # A stranger may have followed that link: it can be taken back.
    _, text = one_mail(server, address, "AWS Notification - Unsubscribe Confirmation")
    fetch(link(text, "confirmation.html"))
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["PendingConfirmation"] == "false"


def test_links_that_are_not_good_confirm_nothing(aws, server, topic):
    status, page = fetch(f"{server.url}/confirmation.html?TopicArn={topic}&Token={'0' * 224}&Endpoint=a@b")
    assert status == 400 and "Invalid parameter: Token" in page
    status, answer = fetch(f"{server.url}/?Action=ConfirmSubscription&TopicArn={topic}&Token=random")
    assert status == 400 and "<Code>InvalidParameter</Code><Message>Invalid token</Message>" in answer
    status, answer = fetch(f"{server.url}/?Action=Publish&TopicArn={topic}&Message=x")
    assert status in (400, 403), answer


def test_the_inbox_lists_shows_and_confirms(aws, server, topic):
    sns = aws("sns")
    address = "inbox@example.org"
    arn = sns.subscribe(TopicArn=topic, Protocol="email", Endpoint=address, ReturnSubscriptionArn=True)["SubscriptionArn"]
    one_mail(server, address, "AWS Notification - Subscription Confirmation")

    def inbox(*arguments):
        program = [os.environ["TERRELLA"], "--data-dir", str(server.data / "data"), "inbox", *arguments]
        return subprocess.run(program, check=True, capture_output=True, text=True, timeout=30).stdout

    mine = [one for one in map(json.loads, inbox("--json").splitlines()) if one["to"] == address]
    assert mine[0]["confirmation"]["topic_arn"] == topic
    number = str(mine[0]["number"])
    assert "Subscription Confirmation" in inbox()
    assert inbox("show", number).startswith("Date: ")
    assert arn in inbox("confirm", number)
    assert sns.get_subscription_attributes(SubscriptionArn=arn)["Attributes"]["PendingConfirmation"] == "false"


def test_a_web_server_confirms_and_hears(aws, topic):
    sns = aws("sns")
    with web_server() as (url, heard):
        arn = sns.subscribe(TopicArn=topic, Protocol="http", Endpoint=url, ReturnSubscriptionArn=True)["SubscriptionArn"]
        headers, body = heard.get(timeout=30)
        document = json.loads(body)
        assert headers["x-amz-sns-message-type"] == document["Type"] == "SubscriptionConfirmation"
        status, answer = fetch(document["SubscribeURL"])
        assert status == 200 and f"<SubscriptionArn>{arn}</SubscriptionArn>" in answer

        attributes = {
            "kind": {"DataType": "String", "StringValue": "error"},
            "bytes": {"DataType": "Binary", "BinaryValue": b"\x01\x02"},
        }
        got = sns.publish(TopicArn=topic, Subject="Hello", Message="one", MessageAttributes=attributes)
        headers, body = heard.get(timeout=30)
        document = json.loads(body)
        assert (document["MessageId"], document["Subject"], document["Message"]) == (got["MessageId"], "Hello", "one")
        assert document["MessageAttributes"] == {
            "kind": {"Type": "String", "Value": "error"},
            "bytes": {"Type": "Binary", "Value": "AQI="},
        }
        status, certificate = fetch(document["SigningCertURL"])
        assert status == 200 and certificate.startswith("-----BEGIN CERTIFICATE-----")

        sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue='{"kind": ["error"]}')
        sns.publish(TopicArn=topic, Message="not wanted")
        sns.set_subscription_attributes(SubscriptionArn=arn, AttributeName="RawMessageDelivery", AttributeValue="true")
        structured = json.dumps({"default": "all", "http": "wanted"})
        sns.publish(TopicArn=topic, Message=structured, MessageStructure="json", MessageAttributes=attributes)
        headers, body = heard.get(timeout=30)
        assert (headers["x-amz-sns-rawdelivery"], body) == ("true", "wanted")

        fetch(document["UnsubscribeURL"])
        headers, body = heard.get(timeout=30)
        assert json.loads(body)["Type"] == "UnsubscribeConfirmation"
        assert sns.get_topic_attributes(TopicArn=topic)["Attributes"]["SubscriptionsDeleted"] == "1"


def test_a_batch_is_published_whole(aws, server, topic):
    sns = aws("sns")
    confirmed(aws, server, topic, "batch@example.org")
    entries = [{"Id": str(number), "Subject": f"batch {number}", "Message": "x"} for number in range(3)]
    answer = sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert [one["Id"] for one in answer["Successful"]] == ["0", "1", "2"]
    for number in range(3):
        one_mail(server, "batch@example.org", f"batch {number}")
    with refused("BatchEntryIdsNotDistinct"):
        sns.publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries[:1] * 2)


def test_what_is_not_there_says_so(aws, topic):
    sns = aws("sns")
    for protocol, endpoint in (("sqs", f"arn:aws:sqs:{REGION}:{ACCOUNT}:q"), ("lambda", "x"), ("sms", "+49")):
        with refused("NotImplemented", status=501):
            sns.subscribe(TopicArn=topic, Protocol=protocol, Endpoint=endpoint)
    with refused("InvalidParameter", "does not support this protocol string: fax"):
        sns.subscribe(TopicArn=topic, Protocol="fax", Endpoint="1")
    with refused("InvalidParameter", "Email address"):
        sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="nobody")
