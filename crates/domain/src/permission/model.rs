//! Random grants and targets, and an oracle which reads the rule off the grants directly.
//!
//! For tests only (feature `model`): the evaluation here and its translation to SQL in the store
//! are both held against the oracle. So the oracle must not use anything of the compiled form.

use std::collections::BTreeMap;

use super::{
    Condition, Effect, Grant, Grants, Kind, PermissionName, Placeholders, Scalar, ScalarRef, attributes_of,
    names,
};
use crate::text::Email;

/// A target's attributes; one that is absent here is missing.
pub type Target = BTreeMap<String, Scalar>;

/// Whether the grants allow a permission on a target, straight from the rule: some `Allow` applies
/// and no `Deny` does.
pub fn allows(grants: &Grants, permission: &PermissionName, who: &Placeholders, target: &Target) -> bool {
    let mut allowed = false;
    for grant in &grants.0 {
        if grant.permission != *permission {
            continue;
        }
        let mut applies = true;
        for (attribute, condition) in &grant.conditions {
            let holds = match (target.get(attribute), condition) {
                (None, _) => false,
                (Some(actual), Condition::Equals(value)) => is(grant, attribute, actual, value, who),
                (Some(actual), Condition::NotEquals(value)) => !is(grant, attribute, actual, value, who),
                (Some(actual), Condition::In(values)) => {
                    values.iter().any(|value| is(grant, attribute, actual, value, who))
                }
            };
            applies = applies && holds;
        }
        match (applies, grant.effect) {
            (true, Effect::Deny) => return false,
            (true, Effect::Allow) => allowed = true,
            (false, _) => {}
        }
    }
    allowed
}

/// Whether a target's value is the one that a condition means; addresses of users are the same by their key.
fn is(grant: &Grant, attribute: &str, actual: &Scalar, value: &Scalar, who: &Placeholders) -> bool {
    match (actual, meaning(value, who)) {
        (Scalar::Text(actual), Scalar::Text(value))
            if attribute == "email" && grant.permission.as_str().starts_with("User:") =>
        {
            *actual == Email::key_of(&value)
        }
        (actual, value) => *actual == value,
    }
}

fn meaning(value: &Scalar, who: &Placeholders) -> Scalar {
    if *value == Scalar::from("{self_org_id}") {
        Scalar::from(who.org_id.as_str())
    } else if *value == Scalar::from("{self_user_id}") {
        Scalar::from(who.user_id.as_str())
    } else {
        value.clone()
    }
}

/// A target in the form that [`super::Filter::admits`] asks for.
pub fn lookup<'a>(target: &'a Target) -> impl Fn(&str) -> Option<ScalarRef<'a>> {
    move |attribute| target.get(attribute).map(Scalar::view)
}

/// A small deterministic generator of random numbers (xorshift64*); the same seed, the same cases.
pub struct Rng(u64);

impl Rng {
    /// Any seed will do; zero, which the generator could not leave, is replaced.
    pub fn new(seed: u64) -> Self {
        Self(if seed == 0 { 0x9E37_79B9_7F4A_7C15 } else { seed })
    }

    pub fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number from 0 up to but without `bound`, which must not be 0.
    pub fn below(&mut self, bound: usize) -> usize {
        // The low bits of this generator are its weakest.
        let high = usize::try_from(self.next_u64() >> 33).expect("31 bits fit in a usize");
        high % bound
    }

    /// True in `percent` of 100 cases.
    pub fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// One of the items, of which there must be at least one.
    pub fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }
}

/// What cases are made of. Few values, so that they often meet.
#[derive(Debug, Clone)]
pub struct Universe {
    pub permissions: Vec<PermissionName>,
    pub attributes: Vec<ModelAttribute>,
    /// Whether a condition may compare with a value of another kind than the attribute's, which
    /// [`Grant::check`] would refuse and which some engines refuse to compare.
    pub ill_typed: bool,
    /// Whether an `In` list may be empty, which [`Grant::check`] would refuse as well.
    pub empty_lists: bool,
}

/// An attribute that targets have and conditions name.
#[derive(Debug, Clone)]
pub struct ModelAttribute {
    pub name: String,
    pub kind: Kind,
    /// The values that occur, all of the kind; at least one. Addresses occur as their keys, and conditions
    /// spell them in capitals too.
    pub values: Vec<Scalar>,
    /// In how many of 100 targets it is missing.
    pub missing_percent: usize,
}

impl Universe {
    /// Everything that can be written down, sensible or not.
    pub fn wild() -> Self {
        let texts = || ["a", "b", "c"].map(Scalar::from).to_vec();
        let attribute = |name: &str, kind, values| ModelAttribute {
            name: name.to_owned(),
            kind,
            values,
            missing_percent: 15,
        };
        Self {
            permissions: vec![
                names::USER_GET_USER_INFO,
                names::USER_DELETE_USER,
                PermissionName::parse("Pizza:Bake").expect("the name is well formed"),
            ],
            attributes: vec![
                attribute("org_id", Kind::Text, texts()),
                attribute("user_id", Kind::Text, texts()),
                attribute("email", Kind::Email, texts()),
                attribute("is_verified", Kind::Bool, vec![true.into(), false.into()]),
                attribute("count", Kind::Int, vec![0.into(), 1.into(), 2.into()]),
            ],
            ill_typed: true,
            empty_lists: true,
        }
    }

    /// Acceptable grants of one permission that denizen evaluates, on its own attributes, of which
    /// no target misses any. Its texts are short on purpose; replace `values` by those of real rows.
    pub fn of(permission: PermissionName) -> Option<Self> {
        let attributes = attributes_of(&permission)?
            .iter()
            .map(|attribute| ModelAttribute {
                name: attribute.name.to_owned(),
                kind: attribute.kind,
                values: match attribute.kind {
                    Kind::Text | Kind::Email => ["a", "b", "c"].map(Scalar::from).to_vec(),
                    Kind::Bool => vec![true.into(), false.into()],
                    Kind::Int => vec![0.into(), 1.into(), 2.into()],
                },
                missing_percent: 0,
            })
            .collect();
        Some(Self { permissions: vec![permission], attributes, ill_typed: false, empty_lists: false })
    }

    pub fn permission(&self, rng: &mut Rng) -> PermissionName {
        rng.pick(&self.permissions).clone()
    }

    /// A caller. Its values are any texts of the universe, so that they collide with literals and
    /// with each other.
    pub fn who(&self, rng: &mut Rng) -> Placeholders {
        let texts: Vec<&str> = self
            .attributes
            .iter()
            .flat_map(|attribute| &attribute.values)
            .filter_map(|value| match value {
                Scalar::Text(text) => Some(text.as_str()),
                _ => None,
            })
            .collect();
        let mut text = || (*rng.pick(&texts)).to_owned();
        Placeholders { org_id: text(), user_id: text() }
    }

    pub fn target(&self, rng: &mut Rng) -> Target {
        let mut target = Target::new();
        for attribute in &self.attributes {
            if !rng.chance(attribute.missing_percent) {
                target.insert(attribute.name.clone(), rng.pick(&attribute.values).clone());
            }
        }
        target
    }

    /// Up to six grants.
    pub fn grants(&self, rng: &mut Rng) -> Grants {
        Grants((0..rng.below(7)).map(|_| self.grant(rng)).collect())
    }

    pub fn grant(&self, rng: &mut Rng) -> Grant {
        let mut grant = Grant::allow(self.permission(rng));
        if rng.chance(30) {
            grant.effect = Effect::Deny;
        }
        // A denial without conditions hides everything else about a case.
        let fewest = usize::from(grant.effect == Effect::Deny && rng.chance(90));
        for _ in 0..fewest + rng.below(3) {
            self.add_condition(rng, &mut grant);
        }
        grant
    }

    /// Grants that differ a little from the given ones, so that one often covers the other.
    pub fn related(&self, rng: &mut Rng, grants: &Grants) -> Grants {
        let mut related = grants.clone();
        for _ in 0..=rng.below(3) {
            if related.0.is_empty() || rng.chance(15) {
                related.0.push(self.grant(rng));
                continue;
            }
            let at = rng.below(related.0.len());
            let grant = &mut related.0[at];
            match rng.below(5) {
                0 => drop(related.0.remove(at)),
                1 => {
                    grant.conditions.pop_first();
                }
                2 => {
                    if let Some((_, Condition::In(values))) = grant.conditions.iter_mut().next() {
                        values.truncate(values.len().max(2) - 1);
                    }
                }
                3 => {
                    if let Some((name, condition)) = grant.conditions.pop_last() {
                        let values = [condition.values(), &[self.value(rng, &name)]].concat();
                        grant.conditions.insert(name, Condition::In(values));
                    }
                }
                _ => self.add_condition(rng, grant),
            }
        }
        related
    }

    fn add_condition(&self, rng: &mut Rng, grant: &mut Grant) {
        let name = rng.pick(&self.attributes).name.clone();
        let condition = match rng.below(3) {
            0 => Condition::Equals(self.value(rng, &name)),
            1 => Condition::NotEquals(self.value(rng, &name)),
            _ => {
                let fewest = usize::from(!(self.empty_lists && rng.chance(10)));
                Condition::In((0..fewest + rng.below(3)).map(|_| self.value(rng, &name)).collect())
            }
        };
        grant.conditions.insert(name, condition);
    }

    /// A value to compare an attribute with: mostly one that occurs, else a placeholder, or a text
    /// that nothing has.
    fn value(&self, rng: &mut Rng, attribute: &str) -> Scalar {
        let own = self
            .attributes
            .iter()
            .find(|own| own.name == attribute)
            .expect("the name was taken from the attributes");
        let source = if self.ill_typed && rng.chance(10) { rng.pick(&self.attributes) } else { own };
        if matches!(source.kind, Kind::Text | Kind::Email) && rng.chance(30) {
            let others = [Placeholders::SELF_ORG_ID, Placeholders::SELF_USER_ID, "nobody's"];
            return Scalar::from(*rng.pick(&others));
        }
        match rng.pick(&source.values) {
            Scalar::Text(text) if own.kind == Kind::Email && rng.chance(50) => text.to_uppercase().into(),
            value => value.clone(),
        }
    }
}
