//! What a name server knows, and what it finds under a name: hosts of the region, private zones that
//! win over everything public, and public ones.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::str::FromStr as _;

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::A;
use hickory_proto::rr::{Name, RData, Record, RecordType};
use world::network::{Internet, Vpc, Zone as Kept};

/// Seconds that a host's address may be kept: as short as that of a database that may fail over.
const TTL: u32 = 5;
/// Names that lead to other names, after which a resolver gives up.
const MOST_NAMES: usize = 8;

/// What one name server knows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// By name, which may be a wildcard; zones are asked after these.
    hosts: BTreeMap<String, Vec<Ipv4Addr>>,
    /// By name; asked before everything else.
    private: BTreeMap<String, Zone>,
    public: BTreeMap<String, Zone>,
}

/// A hosted zone made ready to be asked.
#[derive(Debug, Clone, Default)]
struct Zone {
    records: BTreeMap<String, BTreeMap<RecordType, Answers>>,
    /// Its names, and those between them and the zone's own, which exist without records.
    existing: BTreeSet<String>,
}

#[derive(Debug, Clone)]
struct Answers {
    ttl: u32,
    /// Each with its weight.
    choices: Vec<(u32, Vec<RData>)>,
}

/// What was found.
#[derive(Debug, PartialEq)]
pub(crate) struct Found {
    pub(crate) code: ResponseCode,
    pub(crate) records: Vec<Record>,
}

/// What one zone, or all hosts together, have for a name.
enum Here {
    Records(Vec<(u32, RData)>),
    /// The name is another's.
    Alias(u32, Name),
    /// The name is there, records of this type are not.
    Nothing,
    Missing,
    /// Name servers outside of the region would know.
    Elsewhere,
}

impl Names {
    /// What everybody knows.
    pub(crate) fn public(internet: &Internet) -> Self {
        let mut hosts: BTreeMap<String, Vec<Ipv4Addr>> = BTreeMap::new();
        for (address, services) in &internet.services {
            for service in services {
                hosts.entry(plain(service)).or_default().push(*address);
            }
        }
        for (name, addresses) in &internet.names {
            hosts.insert(plain(name), addresses.clone());
        }
        Self {
            hosts,
            private: BTreeMap::new(),
            public: zones(&internet.zones),
        }
    }

    /// What the interfaces of a VPC know: its own names win.
    pub(crate) fn of_vpc(vpc: &Vpc, internet: &Internet) -> Self {
        let mut names = Self::public(internet);
        for interface in vpc.interfaces.values() {
            let Some(subnet) = vpc.subnets.get(&interface.subnet) else {
                continue;
            };
            let region = subnet
                .availability_zone
                .trim_end_matches(|c: char| c.is_ascii_lowercase());
            let host = format!("ip-{}", interface.address.to_string().replace('.', "-"));
            let name = if region == "us-east-1" {
                format!("{host}.ec2.internal")
            } else {
                format!("{host}.{region}.compute.internal")
            };
            names.hosts.insert(name, vec![interface.address]);
        }
        for (name, addresses) in &vpc.names {
            names.hosts.insert(plain(name), addresses.clone());
        }
        names.private = zones(&vpc.zones);
        names
    }

    /// What a question is answered with. A name that leads to another is followed. `chance` says
    /// which of several answers is given.
    pub(crate) fn find(&self, asked: &Name, kind: RecordType, chance: fn() -> u64) -> Found {
        let mut records = Vec::new();
        let mut owner = asked.clone();
        for _ in 0..MOST_NAMES {
            let code = match self.look(&plain(&owner.to_ascii()), kind, chance) {
                Here::Records(found) => {
                    let found = found.into_iter();
                    records.extend(
                        found.map(|(ttl, data)| Record::from_rdata(owner.clone(), ttl, data)),
                    );
                    ResponseCode::NoError
                }
                Here::Alias(ttl, target) => {
                    let data = RData::CNAME(hickory_proto::rr::rdata::CNAME(target.clone()));
                    records.push(Record::from_rdata(owner, ttl, data));
                    owner = target;
                    continue;
                }
                Here::Nothing => ResponseCode::NoError,
                Here::Missing => ResponseCode::NXDomain,
                Here::Elsewhere => ResponseCode::ServFail,
            };
            return Found { code, records };
        }
        Found {
            code: ResponseCode::ServFail,
            records: Vec::new(),
        }
    }

    fn look(&self, name: &str, kind: RecordType, chance: fn() -> u64) -> Here {
        if let Some((apex, zone)) = closest(&self.private, name) {
            return zone.look(apex, name, kind, chance);
        }
        if let Some(addresses) = self.hosts.get(name) {
            return hosts(addresses, kind);
        }
        if let Some((apex, zone)) = closest(&self.public, name) {
            return zone.look(apex, name, kind, chance);
        }
        let wildcard = above(name).find_map(|parent| self.hosts.get(&format!("*.{parent}")));
        wildcard.map_or(Here::Missing, |addresses| hosts(addresses, kind))
    }
}

fn hosts(addresses: &[Ipv4Addr], kind: RecordType) -> Here {
    if matches!(kind, RecordType::A | RecordType::ANY) {
        let all = addresses.iter().map(|address| (TTL, RData::A(A(*address))));
        return Here::Records(all.collect());
    }
    Here::Nothing
}

impl Zone {
    fn of(apex: &str, kept: &Kept) -> Self {
        let mut zone = Self::default();
        for (name, kinds) in &kept.records {
            let own = zone.records.entry(name.clone()).or_default();
            for (kind, answers) in kinds {
                // Types that only signed zones have are not known here.
                let Ok(kind) = RecordType::from_str(kind) else {
                    continue;
                };
                let choices = answers.choices.iter().map(|choice| {
                    let values = choice.values.iter();
                    (
                        choice.weight,
                        values.filter_map(|value| read(kind, value)).collect(),
                    )
                });
                let answers = Answers {
                    ttl: answers.ttl,
                    choices: choices.collect(),
                };
                own.insert(kind, answers);
            }
            let between = above(name).take_while(|parent| *parent != apex);
            zone.existing.extend(between.map(str::to_owned));
            zone.existing.insert(name.clone());
        }
        zone.existing.insert(apex.to_owned());
        zone
    }

    fn look(&self, apex: &str, name: &str, kind: RecordType, chance: fn() -> u64) -> Here {
        let own = std::iter::once(name).chain(above(name));
        let mut own = own.take_while(|one| *one != apex);
        // Where name servers are named for a part of the zone, they alone know it.
        let cut = own.find(|one| {
            self.kinds(one)
                .is_some_and(|kinds| kinds.contains_key(&RecordType::NS))
        });
        if let Some(cut) = cut
            && !(cut == name && kind == RecordType::NS)
        {
            return Here::Elsewhere;
        }
        let Some(kinds) = self.owner(apex, name) else {
            return Here::Missing;
        };
        let mut chosen = Vec::new();
        for (own, answers) in kinds {
            if *own == kind || kind == RecordType::ANY {
                let values = choose(&answers.choices, chance);
                chosen.extend(values.iter().map(|data| (answers.ttl, data.clone())));
            }
        }
        if !chosen.is_empty() {
            return Here::Records(chosen);
        }
        if let Some(answers) = kinds.get(&RecordType::CNAME)
            && let Some(RData::CNAME(target)) = choose(&answers.choices, chance).first()
        {
            return Here::Alias(answers.ttl, target.0.clone());
        }
        Here::Nothing
    }

    fn kinds(&self, name: &str) -> Option<&BTreeMap<RecordType, Answers>> {
        self.records.get(name)
    }

    /// What is kept for a name, or for the wildcard beside the closest name above it that exists
    /// (RFC 4592); `None` if the name does not exist.
    fn owner(&self, apex: &str, name: &str) -> Option<&BTreeMap<RecordType, Answers>> {
        static NOTHING: BTreeMap<RecordType, Answers> = BTreeMap::new();
        if self.existing.contains(name) {
            return Some(self.kinds(name).unwrap_or(&NOTHING));
        }
        let mut parents = above(name);
        let closest = parents.find(|parent| *parent == apex || self.existing.contains(*parent))?;
        self.kinds(&format!("*.{closest}"))
    }
}

/// One of several answers; where all weights are 0, each as often.
fn choose(choices: &[(u32, Vec<RData>)], chance: fn() -> u64) -> &[RData] {
    let sum: u64 = choices.iter().map(|(weight, _)| u64::from(*weight)).sum();
    match choices {
        [] => &[],
        [(_, only)] => only,
        _ if sum == 0 => {
            let count = choices.len() as u64;
            let at = usize::try_from(chance() % count).unwrap_or(0);
            &choices[at].1
        }
        _ => {
            let mut left = chance() % sum;
            for (weight, values) in choices {
                let weight = u64::from(*weight);
                if left < weight {
                    return values;
                }
                left -= weight;
            }
            &[]
        }
    }
}

fn zones(kept: &BTreeMap<String, Kept>) -> BTreeMap<String, Zone> {
    kept.iter()
        .map(|(name, zone)| (plain(name), Zone::of(&plain(name), zone)))
        .collect()
}

/// The zone that a name is in: the one with the longest name.
fn closest<'a>(zones: &'a BTreeMap<String, Zone>, name: &str) -> Option<(&'a str, &'a Zone)> {
    let mut candidates = std::iter::once(name).chain(above(name));
    candidates.find_map(|one| {
        zones
            .get_key_value(one)
            .map(|(apex, zone)| (apex.as_str(), zone))
    })
}

/// The names above a name, the closest first.
fn above(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(name.split_once('.').map(|(_, rest)| rest), |rest| {
        rest.split_once('.').map(|(_, rest)| rest)
    })
}

fn plain(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// Reads a value as a zone file writes it. Names in it are whole, with their last dot or without.
fn read(kind: RecordType, value: &str) -> Option<RData> {
    let ends_in_name = matches!(
        kind,
        RecordType::CNAME | RecordType::NS | RecordType::PTR | RecordType::MX | RecordType::SRV
    );
    let dot = if ends_in_name && !value.ends_with('.') {
        "."
    } else {
        ""
    };
    RData::try_from_str(kind, &format!("{value}{dot}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use world::network::{Answers as KeptAnswers, Choice};

    /// A zone from lines of `name type value`; values of the same name and type go together.
    fn zone(lines: &[&str]) -> Kept {
        let mut zone = Kept::default();
        for line in lines {
            let mut parts = line.splitn(3, ' ');
            let mut next = || parts.next().expect("three parts").to_owned();
            let kinds = zone.records.entry(next()).or_default();
            let answers = kinds.entry(next()).or_insert(KeptAnswers {
                ttl: 60,
                choices: vec![Choice::default()],
            });
            answers.choices[0].values.push(next());
        }
        zone
    }

    fn ask(names: &Names, name: &str, kind: RecordType) -> String {
        let name = Name::from_ascii(name).expect("a name");
        let found = names.find(&name, kind, || 0);
        let records = found.records.iter();
        let records: Vec<_> = records
            .map(|one| format!("{} {}", one.ttl, one.data))
            .collect();
        format!("{}: {}", found.code, records.join(", "))
    }

    #[test]
    fn hosts_are_found_whatever_their_case_and_wildcards_after_them() {
        let mut internet = Internet::default();
        for (name, address) in [("db.example.com", 1), ("*.example.com", 3)] {
            let address = Ipv4Addr::new(10, 0, 0, address);
            internet.names.insert(name.to_owned(), vec![address]);
        }
        let names = Names::public(&internet);
        for (name, kind, found) in [
            ("DB.example.com.", RecordType::A, "No Error: 5 10.0.0.1"),
            ("db.example.com.", RecordType::AAAA, "No Error: "),
            ("a.b.example.com.", RecordType::A, "No Error: 5 10.0.0.3"),
            ("example.com.", RecordType::A, "Non-Existent Domain: "),
        ] {
            assert_eq!(ask(&names, name, kind), found, "{name}");
        }
    }

    #[test]
    fn zones_answer_every_type_they_keep() {
        let mut internet = Internet::default();
        internet.zones.insert(
            "example.com".into(),
            zone(&[
                "example.com SOA ns. host. 1 7200 900 1209600 86400",
                "example.com NS ns-1.example.net.",
                "example.com MX 10 mail.example.com",
                "www.example.com A 192.0.2.1",
                "www.example.com A 192.0.2.2",
                "www.example.com AAAA 2001:db8::1",
                "_sip._tcp.example.com SRV 1 2 5060 sip.example.com",
                "text.example.com TXT \"v=spf1 -all\" \"more\"",
                "example.com CAA 0 issue \"amazon.com\"",
                "alias.example.com CNAME www.example.com",
                "far.example.com CNAME www.example.net",
                "loop.example.com CNAME loop.example.com",
                "a.b.example.com A 192.0.2.3",
                "*.example.com A 192.0.2.4",
                "sub.example.com NS ns-1.elsewhere.net",
                "x.sub.example.com A 192.0.2.5",
            ]),
        );
        let names = Names::public(&internet);
        for (name, kind, found) in [
            (
                "WWW.example.com.",
                RecordType::A,
                "No Error: 60 192.0.2.1, 60 192.0.2.2",
            ),
            (
                "www.example.com.",
                RecordType::AAAA,
                "No Error: 60 2001:db8::1",
            ),
            ("www.example.com.", RecordType::TXT, "No Error: "),
            (
                "example.com.",
                RecordType::MX,
                "No Error: 60 10 mail.example.com.",
            ),
            (
                "_sip._tcp.example.com.",
                RecordType::SRV,
                "No Error: 60 1 2 5060 sip.example.com.",
            ),
            (
                "example.com.",
                RecordType::NS,
                "No Error: 60 ns-1.example.net.",
            ),
            (
                "alias.example.com.",
                RecordType::A,
                "No Error: 60 www.example.com., 60 192.0.2.1, 60 192.0.2.2",
            ),
            (
                "alias.example.com.",
                RecordType::CNAME,
                "No Error: 60 www.example.com.",
            ),
            (
                "far.example.com.",
                RecordType::A,
                "Non-Existent Domain: 60 www.example.net.",
            ),
            ("loop.example.com.", RecordType::A, "Server Failure: "),
            ("any.example.com.", RecordType::A, "No Error: 60 192.0.2.4"),
            (
                "more.any.example.com.",
                RecordType::A,
                "No Error: 60 192.0.2.4",
            ),
            ("b.example.com.", RecordType::A, "No Error: "),
            ("c.b.example.com.", RecordType::A, "Non-Existent Domain: "),
            ("x.sub.example.com.", RecordType::A, "Server Failure: "),
            (
                "sub.example.com.",
                RecordType::NS,
                "No Error: 60 ns-1.elsewhere.net.",
            ),
            ("example.org.", RecordType::A, "Non-Existent Domain: "),
        ] {
            assert_eq!(ask(&names, name, kind), found, "{name} {kind}");
        }
        let text = ask(&names, "text.example.com.", RecordType::TXT);
        assert!(
            text.contains("v=spf1 -all") && text.contains("more"),
            "{text}"
        );
        let authority = ask(&names, "example.com.", RecordType::CAA);
        assert!(authority.contains("amazon.com"), "{authority}");
    }

    #[test]
    fn a_private_zone_wins_also_where_it_has_nothing() {
        let mut internet = Internet::default();
        internet.zones.insert(
            "example.com".into(),
            zone(&["www.example.com A 192.0.2.1", "api.example.com A 192.0.2.2"]),
        );
        internet
            .names
            .insert("host.example.com".into(), vec![Ipv4Addr::new(192, 0, 2, 3)]);
        let mut vpc = Vpc::new("vpc-1".into());
        vpc.zones
            .insert("example.com".into(), zone(&["www.example.com A 10.0.0.1"]));
        let inside = Names::of_vpc(&vpc, &internet);
        let outside = Names::public(&internet);
        for (name, found_inside, found_outside) in [
            (
                "www.example.com.",
                "No Error: 60 10.0.0.1",
                "No Error: 60 192.0.2.1",
            ),
            (
                "api.example.com.",
                "Non-Existent Domain: ",
                "No Error: 60 192.0.2.2",
            ),
            (
                "host.example.com.",
                "Non-Existent Domain: ",
                "No Error: 5 192.0.2.3",
            ),
        ] {
            assert_eq!(ask(&inside, name, RecordType::A), found_inside, "{name}");
            assert_eq!(ask(&outside, name, RecordType::A), found_outside, "{name}");
        }
    }

    #[test]
    fn of_several_answers_each_comes_as_often_as_it_weighs() {
        let data = |last| vec![RData::A(A(Ipv4Addr::new(192, 0, 2, last)))];
        let weighed = [(0, data(1)), (3, data(2)), (1, data(3))];
        let even = [(0, data(1)), (0, data(2))];
        for (choices, chance, last) in [
            (&weighed[..], (|| 0) as fn() -> u64, 2),
            (&weighed, || 2, 2),
            (&weighed, || 3, 3),
            (&weighed, || 4, 2),
            (&even, || 0, 1),
            (&even, || 5, 2),
            (&even[..1], || 7, 1),
        ] {
            assert_eq!(choose(choices, chance), data(last));
        }
        assert!(choose(&[], || 0).is_empty());
    }
}
