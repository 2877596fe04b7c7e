"""Certificate Manager: certificates that are issued for domains of the account, and imported ones."""

import subprocess
import uuid

import pytest

from tour import TAGS, Network, refused, tag_list, tags_of, wait_until

OK = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]


@pytest.fixture
def acm(aws):
    return aws("acm")


@pytest.fixture
def route53(aws):
    return aws("route53")


@pytest.fixture
def zone(route53):
    made = route53.create_hosted_zone(Name="example.com", CallerReference=str(uuid.uuid4()))
    return made["HostedZone"]["Id"]


def request(acm, *names, **more):
    others = {"SubjectAlternativeNames": list(names[1:])} if names[1:] else {}
    return acm.request_certificate(DomainName=names[0], ValidationMethod="DNS", **others, **more)["CertificateArn"]


def shown(acm, arn):
    return acm.describe_certificate(CertificateArn=arn)["Certificate"]


def records(acm, arn):
    """The validation records, once they are told."""

    def told():
        options = shown(acm, arn)["DomainValidationOptions"]
        return all("ResourceRecord" in one for one in options) and [one["ResourceRecord"] for one in options]

    return wait_until(told, "the validation records")


def prove(acm, route53, zone, arn):
    changes = [
        {
            "Action": "UPSERT",
            "ResourceRecordSet": {"Name": name, "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": value}]},
        }
        for name, value in {(one["Name"], one["Value"]) for one in records(acm, arn)}
    ]
    route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch={"Changes": changes})


def issued(acm, arn):
    return wait_until(lambda: shown(acm, arn)["Status"] == "ISSUED" and shown(acm, arn), "the certificate")


def openssl(*arguments, given=""):
    done = subprocess.run(["openssl", *arguments], input=given, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_certificate_is_issued_for_a_domain_of_the_account(acm, route53, zone, tmp_path, server):
    arn = request(acm, "example.com", "*.example.com", Tags=tag_list())
    first = shown(acm, arn)
    assert (first["Status"], first["Type"], first["InUseBy"]) == ("PENDING_VALIDATION", "AMAZON_ISSUED", [])
    with refused("RequestInProgressException"):
        acm.get_certificate(CertificateArn=arn)
    one, other = records(acm, arn)
    assert one == other and one["Type"] == "CNAME"
    assert one["Name"].endswith(".example.com.") and one["Value"].endswith(".acm-validations.aws.")

    prove(acm, route53, zone, arn)
    found = issued(acm, arn)
    assert found["SubjectAlternativeNames"] == ["example.com", "*.example.com"]
    assert {one["ValidationStatus"] for one in found["DomainValidationOptions"]} == {"SUCCESS"}
    assert (found["NotAfter"] - found["NotBefore"]).days == 197
    assert found["RenewalEligibility"] == "INELIGIBLE"
    acm.get_waiter("certificate_validated").wait(CertificateArn=arn)

    # It is a real one: signed by the region's authority, for these names.
    given = acm.get_certificate(CertificateArn=arn)
    leaf = tmp_path / "leaf.pem"
    leaf.write_text(given["Certificate"])
    authority = server.data / "data" / "ca" / "ca.pem"
    assert given["CertificateChain"] == authority.read_text()
    openssl("verify", "-CAfile", str(authority), "-verify_hostname", "www.example.com", str(leaf))
    text = openssl("x509", "-in", str(leaf), "-noout", "-text")
    assert "DNS:example.com, DNS:*.example.com" in text and "Public-Key: (2048 bit)" in text

    told = acm.list_tags_for_certificate(CertificateArn=arn)["Tags"]
    assert tags_of(told) == TAGS
    acm.remove_tags_from_certificate(CertificateArn=arn, Tags=[{"Key": "team"}])
    acm.add_tags_to_certificate(CertificateArn=arn, Tags=[{"Key": "stage", "Value": "changed"}])
    assert tags_of(acm.list_tags_for_certificate(CertificateArn=arn)["Tags"]) == {"stage": "changed"}
    acm.delete_certificate(CertificateArn=arn)
    with refused("ResourceNotFoundException", f"Could not find certificate {arn}."):
        shown(acm, arn)


def test_a_listener_shows_it_and_it_stays_meanwhile(aws, acm, route53, zone):
    waiting = request(acm, "other.example.com", KeyAlgorithm="EC_prime256v1")
    arn = request(acm, "example.com", KeyAlgorithm="EC_prime256v1")
    prove(acm, route53, zone, arn)
    issued(acm, arn)
    elb, network = aws("elbv2"), Network(aws("ec2"))
    [balancer] = elb.create_load_balancer(Name="web", Subnets=network.subnets)["LoadBalancers"]
    listen = lambda certificate, **more: elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=OK,
        **more,
    )["Listeners"][0]
    with refused("UnsupportedCertificate", "must have a fully-qualified domain name"):
        listen(waiting)
    with refused("CertificateNotFound"):
        listen(f"{arn}0")
    with refused("SSLPolicyNotFound"):
        listen(arn, SslPolicy="ELBSecurityPolicy-None")
    made = listen(arn)
    assert made["SslPolicy"] == "ELBSecurityPolicy-2016-08"
    assert made["Certificates"] == [{"CertificateArn": arn}]
    used = shown(acm, arn)
    assert used["InUseBy"] == [balancer["LoadBalancerArn"]]
    assert used["RenewalEligibility"] == "ELIGIBLE"
    with refused("ResourceInUseException", "is in use"):
        acm.delete_certificate(CertificateArn=arn)

    prove(acm, route53, zone, waiting)
    issued(acm, waiting)
    listener = made["ListenerArn"]
    elb.add_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": waiting}])
    told = elb.describe_listener_certificates(ListenerArn=listener)["Certificates"]
    assert [(one["CertificateArn"], one["IsDefault"]) for one in told] == [(arn, True), (waiting, False)]
    with refused("OperationNotPermitted"):
        elb.remove_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": arn}])
    elb.remove_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": waiting}])
    elb.modify_listener(ListenerArn=listener, SslPolicy="ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09")
    elb.delete_listener(ListenerArn=listener)
    acm.delete_certificate(CertificateArn=arn)


def test_requests_that_are_refused(acm):
    with refused("ValidationException", "e-mail"):
        acm.request_certificate(DomainName="example.com", ValidationMethod="EMAIL")
    with refused("ValidationException", "e-mail"):
        acm.request_certificate(DomainName="example.com")
    with refused("ValidationException", "RSA_4096"):
        request(acm, "example.com", KeyAlgorithm="RSA_4096")
    with refused("ValidationException", "domainName"):
        request(acm, "no domain")
    with refused("LimitExceededException"):
        request(acm, *[f"n{number}.example.com" for number in range(11)])
    with refused("ValidationException", "certificateArn"):
        shown(acm, "arn:aws:s3:::not-a-certificate")
    with refused("InvalidArnException"):
        shown(acm, "arn:aws:acm:eu-central-1:000000000000:something/else")
    once = request(acm, "example.com", IdempotencyToken="once")
    assert request(acm, "example.com", IdempotencyToken="once") == once


def test_lists(acm):
    rsa = request(acm, "rsa.example.com")
    curve = request(acm, "curve.example.com", KeyAlgorithm="EC_secp384r1")
    arns = lambda **more: [one["CertificateArn"] for one in acm.list_certificates(**more)["CertificateSummaryList"]]
    assert arns() == [rsa]
    assert arns(Includes={"keyTypes": ["EC_secp384r1"]}) == [curve]
    assert arns(CertificateStatuses=["ISSUED"]) == []


def test_what_was_made_elsewhere_is_looked_at_and_taken(acm, tmp_path):
    key, leaf = tmp_path / "key.pem", tmp_path / "leaf.pem"
    openssl(
        *["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", "/CN=shop.example.com"],
        *["-addext", "subjectAltName=DNS:shop.example.com,DNS:*.shop.example.com", "-keyout", str(key), "-out", str(leaf)],
    )
    arn = acm.import_certificate(Certificate=leaf.read_bytes(), PrivateKey=key.read_bytes())["CertificateArn"]
    taken = shown(acm, arn)
    assert (taken["Type"], taken["Status"], taken["KeyAlgorithm"]) == ("IMPORTED", "ISSUED", "RSA_2048")
    assert taken["SubjectAlternativeNames"] == ["shop.example.com", "*.shop.example.com"]
    assert taken["SignatureAlgorithm"] == "SHA256WITHRSA"
    assert acm.get_certificate(CertificateArn=arn)["Certificate"].split() == leaf.read_text().split()

    other = openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256").encode()
    with refused("ValidationException", "does not belong"):
        acm.import_certificate(Certificate=leaf.read_bytes(), PrivateKey=other)
    with refused("ValidationException", "The private key is not supported."):
        acm.import_certificate(Certificate=leaf.read_bytes(), PrivateKey=b"no key")
    with refused("ValidationException", "more than one certificate"):
        acm.import_certificate(Certificate=leaf.read_bytes() * 2, PrivateKey=key.read_bytes())
    with refused("ValidationException", "Could not validate the certificate with the certificate chain."):
        acm.import_certificate(
            Certificate=leaf.read_bytes(), PrivateKey=key.read_bytes(), CertificateChain=self_signed(tmp_path)
        )
    with refused("InvalidParameterException", "re-import"):
        acm.import_certificate(
            Certificate=leaf.read_bytes(), PrivateKey=key.read_bytes(), CertificateArn=arn, Tags=tag_list()
        )


def self_signed(folder):
    leaf = folder / "other.pem"
    openssl(
        *["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"],
        *["-subj", "/CN=other", "-keyout", str(folder / "other.key"), "-out", str(leaf)],
    )
    return leaf.read_bytes()
