//! The people of the demonstration: the same on every machine, with names of many scripts and addresses that reach
//! nobody (RFC 2606).

use denizen_domain::member::{Preferences, Variables};

/// How many people there are.
pub const COUNT: usize = GROUPS.len() * EACH;

/// Names that go together, each with its spelling in an address.
struct Group {
    language: &'static str,
    zones: &'static [&'static str],
    first: [(&'static str, &'static str); 6],
    last: [(&'static str, &'static str); 4],
}

/// Every first name meets every last name once.
const EACH: usize = 24;

const GROUPS: [Group; 15] = [
    Group {
        language: "en",
        zones: &["America/New_York", "Europe/London", "Australia/Sydney"],
        first: [
            ("Alice", "alice"),
            ("Daniel", "daniel"),
            ("Grace", "grace"),
            ("Henry", "henry"),
            ("Olivia", "olivia"),
            ("Samuel", "samuel"),
        ],
        last: [
            ("Bennett", "bennett"),
            ("O'Connor", "oconnor"),
            ("Walker", "walker"),
            ("Whitfield-Jones", "whitfield-jones"),
        ],
    },
    Group {
        language: "es",
        zones: &["Europe/Madrid", "America/Mexico_City"],
        first: [
            ("María José", "maria.jose"),
            ("Íñigo", "inigo"),
            ("Lucía", "lucia"),
            ("Andrés", "andres"),
            ("Begoña", "begona"),
            ("Joaquín", "joaquin"),
        ],
        last: [("García", "garcia"), ("Núñez", "nunez"), ("Rodríguez", "rodriguez"), ("Ibáñez", "ibanez")],
    },
    Group {
        language: "ru",
        zones: &["Europe/Moscow", "Asia/Almaty"],
        first: [
            ("Анна", "anna"),
            ("Елена", "elena"),
            ("Ольга", "olga"),
            ("Наталья", "natalya"),
            ("Дарья", "darya"),
            ("Татьяна", "tatyana"),
        ],
        last: [
            ("Иванова", "ivanova"),
            ("Соколова", "sokolova"),
            ("Кузнецова", "kuznetsova"),
            ("Ёлкина", "yolkina"),
        ],
    },
    Group {
        language: "ar",
        zones: &["Africa/Cairo", "Asia/Riyadh"],
        first: [
            ("محمد", "mohammed"),
            ("فاطمة", "fatima"),
            ("أحمد", "ahmad"),
            ("ليلى", "layla"),
            ("يوسف", "yusuf"),
            ("مريم", "maryam"),
        ],
        last: [("الخطيب", "alkhatib"), ("حداد", "haddad"), ("المصري", "almasri"), ("النجار", "alnajjar")],
    },
    Group {
        language: "zh",
        zones: &["Asia/Shanghai", "Asia/Taipei"],
        first: [
            ("伟", "wei"),
            ("秀英", "xiuying"),
            ("芳", "fang"),
            ("建国", "jianguo"),
            ("小明", "xiaoming"),
            ("丽华", "lihua"),
        ],
        last: [("王", "wang"), ("李", "li"), ("陈", "chen"), ("欧阳", "ouyang")],
    },
    Group {
        language: "el",
        zones: &["Europe/Athens"],
        first: [
            ("Γιώργος", "giorgos"),
            ("Νίκος", "nikos"),
            ("Κώστας", "kostas"),
            ("Δημήτρης", "dimitris"),
            ("Αλέξανδρος", "alexandros"),
            ("Παναγιώτης", "panagiotis"),
        ],
        last: [
            ("Παπαδόπουλος", "papadopoulos"),
            ("Αντωνίου", "antoniou"),
            ("Νικολαΐδης", "nikolaidis"),
            ("Γεωργίου", "georgiou"),
        ],
    },
    Group {
        language: "hi",
        zones: &["Asia/Kolkata"],
        first: [
            ("आरव", "aarav"),
            ("प्रिया", "priya"),
            ("अनन्या", "ananya"),
            ("विक्रम", "vikram"),
            ("सुनीता", "sunita"),
            ("राहुल", "rahul"),
        ],
        last: [("शर्मा", "sharma"), ("गुप्ता", "gupta"), ("सिंह", "singh"), ("चौधरी", "chaudhary")],
    },
    Group {
        language: "pt",
        zones: &["America/Sao_Paulo", "Europe/Lisbon"],
        first: [
            ("João", "joao"),
            ("Conceição", "conceicao"),
            ("Luís", "luis"),
            ("Inês", "ines"),
            ("Antônio", "antonio"),
            ("Letícia", "leticia"),
        ],
        last: [
            ("da Silva", "da.silva"),
            ("Gonçalves", "goncalves"),
            ("Simões", "simoes"),
            ("Araújo", "araujo"),
        ],
    },
    Group {
        language: "ja",
        zones: &["Asia/Tokyo"],
        first: [
            ("さくら", "sakura"),
            ("健太", "kenta"),
            ("美咲", "misaki"),
            ("翔", "sho"),
            ("陽菜", "hina"),
            ("ケン", "ken"),
        ],
        last: [("佐藤", "sato"), ("鈴木", "suzuki"), ("高橋", "takahashi"), ("渡邊", "watanabe")],
    },
    Group {
        language: "he",
        zones: &["Asia/Jerusalem"],
        first: [
            ("נועה", "noa"),
            ("דוד", "david"),
            ("תמר", "tamar"),
            ("יונתן", "yonatan"),
            ("שירה", "shira"),
            ("איתי", "itai"),
        ],
        last: [("כהן", "cohen"), ("לוי", "levi"), ("מזרחי", "mizrahi"), ("פרץ", "peretz")],
    },
    Group {
        language: "de",
        zones: &["Europe/Berlin", "Europe/Zurich", "Europe/Vienna"],
        first: [
            ("Jürgen", "juergen"),
            ("Käthe", "kaethe"),
            ("Sören", "soeren"),
            ("Änne", "aenne"),
            ("Götz", "goetz"),
            ("Zoë", "zoe"),
        ],
        last: [("Müller", "mueller"), ("Groß", "gross"), ("Schäfer", "schaefer"), ("Öztürk", "oeztuerk")],
    },
    Group {
        language: "ko",
        zones: &["Asia/Seoul"],
        first: [
            ("민준", "minjun"),
            ("서연", "seoyeon"),
            ("지훈", "jihun"),
            ("하은", "haeun"),
            ("도윤", "doyun"),
            ("수아", "sua"),
        ],
        last: [("김", "kim"), ("박", "park"), ("최", "choi"), ("남궁", "namgung")],
    },
    Group {
        language: "uk",
        zones: &["Europe/Kyiv"],
        first: [
            ("Тарас", "taras"),
            ("Оксана", "oksana"),
            ("Юлія", "yuliia"),
            ("Олексій", "oleksii"),
            ("Софія", "sofiia"),
            ("Євген", "yevhen"),
        ],
        last: [
            ("Шевченко", "shevchenko"),
            ("Коваленко", "kovalenko"),
            ("Бондаренко", "bondarenko"),
            ("Лисенко", "lysenko"),
        ],
    },
    Group {
        language: "th",
        zones: &["Asia/Bangkok"],
        first: [
            ("สมชาย", "somchai"),
            ("สมหญิง", "somying"),
            ("อนันต์", "anan"),
            ("มาลี", "malee"),
            ("ประเสริฐ", "prasert"),
            ("กัญญา", "kanya"),
        ],
        last: [("ศรีสุข", "srisuk"), ("ทองดี", "thongdee"), ("วงศ์ใหญ่", "wongyai"), ("แสงจันทร์", "saengchan")],
    },
    Group {
        language: "fr",
        zones: &["Europe/Paris", "America/Montreal", "Africa/Dakar"],
        first: [
            ("Élodie", "elodie"),
            ("François", "francois"),
            ("Maëlle", "maelle"),
            ("Jérôme", "jerome"),
            ("Anaïs", "anais"),
            ("Benoît", "benoit"),
        ],
        last: [("Lefèvre", "lefevre"), ("Dupré", "dupre"), ("Diop", "diop"), ("Cœurdevey", "coeurdevey")],
    },
];

/// One person of the demonstration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub first_name: &'static str,
    pub last_name: &'static str,
    pub email: String,
    pub role: &'static str,
    pub is_verified: bool,
    pub preferences: Preferences,
    pub open_variables: Variables,
    pub secret_variables: Variables,
}

/// All of them, one of each group after the other, so that the first page shows many scripts.
pub fn all() -> impl Iterator<Item = Person> {
    (0..COUNT).map(person)
}

fn person(number: usize) -> Person {
    let group = &GROUPS[number % GROUPS.len()];
    let turn = number / GROUPS.len();
    let (first_name, first) = group.first[turn % 6];
    let (last_name, last) = group.last[(turn + turn / 6) % 4];
    let domain = ["example.com", "example.org", "example.net"][(turn + number) % 3];
    let zone = group.zones[turn % group.zones.len()];
    Person {
        first_name,
        last_name,
        email: format!("{first}.{last}@{domain}"),
        role: if number % 61 == 7 { "DefaultAdministratorRole" } else { "DefaultUserRole" },
        is_verified: number % 11 != 10,
        preferences: Preferences {
            // Some have said nothing about themselves.
            preferred_language: (number % 7 != 6).then(|| group.language.to_owned()),
            timezone: (number % 4 != 3).then(|| zone.to_owned()),
            ..Preferences::default()
        },
        open_variables: if number.is_multiple_of(3) {
            let plan = ["free", "team", "business"][turn % 3];
            variables(&[("plan", plan.to_owned()), ("customer_number", format!("C-{}", 10_000 + number))])
        } else {
            Variables::new()
        },
        secret_variables: if number.is_multiple_of(9) {
            variables(&[("access_code", format!("{:04}", (number * 7919) % 10_000))])
        } else {
            Variables::new()
        },
    }
}

fn variables(pairs: &[(&str, String)]) -> Variables {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use denizen_domain::locale::{is_language, is_time_zone};
    use denizen_domain::text::{Email, is_variable_name};

    use super::*;

    #[test]
    fn every_person_has_a_name_and_an_address_of_their_own() {
        let names: BTreeSet<(&str, &str)> =
            all().map(|person| (person.first_name, person.last_name)).collect();
        let addresses: BTreeSet<String> =
            all().map(|person| Email::parse(&person.email).unwrap().key().to_owned()).collect();
        assert_eq!((COUNT, names.len(), addresses.len()), (360, 360, 360));
        let local = |address: &String| address.split_once('@').unwrap().0.to_owned();
        assert_eq!(addresses.iter().map(local).collect::<BTreeSet<_>>().len(), 360);
    }

    #[test]
    fn everything_about_a_person_is_what_the_directory_accepts() {
        for person in all() {
            assert!(person.preferences.preferred_language.as_deref().is_none_or(is_language));
            assert!(person.preferences.timezone.as_deref().is_none_or(is_time_zone), "{person:?}");
            let mut names = person.open_variables.keys().chain(person.secret_variables.keys());
            assert!(names.all(|name| is_variable_name(name)));
        }
    }

    #[test]
    fn some_are_unverified_and_some_administer() {
        let count = |test: fn(&Person) -> bool| all().filter(test).count();
        assert_eq!(count(|person| !person.is_verified), 32);
        assert_eq!(count(|person| person.role != "DefaultUserRole"), 6);
        assert_eq!(count(|person| !person.open_variables.is_empty()), 120);
        assert_eq!(count(|person| !person.secret_variables.is_empty()), 40);
    }
}
