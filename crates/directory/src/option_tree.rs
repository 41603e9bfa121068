//! The options of an attribute, as values are judged by them.
//!
//! It must not cost more than what is looked at: values are judged while nothing else can be written. A step along a
//! path looks at each option at most once, wherever the steps before it may have led.

use std::collections::HashMap;

use denizen_domain::contact::SelectOption;

/// Which options may be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Choosable {
    Active,
    /// Deactivated ones, too: they were chosen when they were not.
    All,
}

/// The most values that a refusal lists, and how much of each, in characters.
const LISTED: usize = 10;
const LISTED_CHARS: usize = 60;

/// The options of all levels. The outermost ones are list 0; those nested in an option are the list after its number.
#[derive(Default)]
pub(crate) struct OptionTree {
    options: Vec<Node>,
    by_value: HashMap<String, Vec<usize>>,
}

struct Node {
    /// The list in which it stands.
    list: usize,
    is_deactivated: bool,
}

impl OptionTree {
    pub(crate) fn new(root: &[SelectOption]) -> Self {
        let mut tree = Self::default();
        tree.add(root, 0);
        tree
    }

    fn add(&mut self, options: &[SelectOption], list: usize) {
        for option in options {
            let number = self.options.len();
            self.options.push(Node { list, is_deactivated: option.is_deactivated });
            self.by_value.entry(option.value.clone()).or_default().push(number);
            self.add(&option.nested_options, number + 1);
        }
    }

    /// Whether each chosen value is one of the options nested in the one before it, or one beside or above that, up to
    /// the outermost ones.
    ///
    /// # Errors
    /// In words, without the chosen value, but with some that could be chosen: those are the organization's words.
    pub(crate) fn follow(&self, chosen: &[String], choosable: Choosable) -> Result<(), String> {
        let mut walk = Walk::new(self);
        for (number, value) in (1..).zip(chosen) {
            walk.step(value, choosable)
                .map_err(|why| format!("cannot have option {number} of the value: {why}"))?;
        }
        Ok(())
    }
}

/// Where the values so far may have led. One value may stand in several places, and which of them is meant may only show
/// later; so all of them are followed.
struct Walk<'t> {
    tree: &'t OptionTree,
    /// Of each list, whether one of its options can come next.
    is_open: Vec<bool>,
    /// Those that are open, each once.
    open: Vec<usize>,
    /// What was looked at so far: options with the wanted values, and lists that became open.
    #[cfg(test)]
    looks: usize,
}

impl<'t> Walk<'t> {
    fn new(tree: &'t OptionTree) -> Self {
        let mut walk = Self {
            tree,
            is_open: vec![false; tree.options.len() + 1],
            open: Vec::new(),
            #[cfg(test)]
            looks: 0,
        };
        walk.open(0);
        walk
    }

    fn step(&mut self, value: &str, choosable: Choosable) -> Result<(), String> {
        let mut is_deactivated = false;
        let mut reached = Vec::new();
        for number in self.tree.by_value.get(value).into_iter().flatten() {
            #[cfg(test)]
            {
                self.looks += 1;
            }
            let option = &self.tree.options[*number];
            if !self.is_open[option.list] {
                continue;
            }
            if option.is_deactivated && choosable == Choosable::Active {
                is_deactivated = true;
            } else {
                reached.push(*number);
            }
        }
        if reached.is_empty() {
            return Err(if is_deactivated {
                "it is deactivated".to_owned()
            } else {
                format!("there is none such at this place{}", self.possible(choosable))
            });
        }
        for list in self.open.drain(..) {
            self.is_open[list] = false;
        }
        for number in reached {
            self.open(number + 1);
        }
        Ok(())
    }

    /// Some of the values that could come next, the innermost ones first. It looks at all options, which is done once for
    /// a value that is refused.
    fn possible(&self, choosable: Choosable) -> String {
        let mut place = vec![None; self.is_open.len()];
        for (nth, list) in self.open.iter().enumerate() {
            place[*list] = Some(nth);
        }
        let first = |numbers: &Vec<usize>| {
            let can_come = numbers.iter().filter_map(|number| {
                let option = &self.tree.options[*number];
                let is_choosable = choosable == Choosable::All || !option.is_deactivated;
                place[option.list].filter(|_| is_choosable).map(|nth| (nth, *number))
            });
            can_come.min()
        };
        let values = self.tree.by_value.iter();
        let mut values: Vec<_> =
            values.filter_map(|(value, numbers)| Some((first(numbers)?, value))).collect();
        values.sort_unstable();
        let shown = |value: &str| match value.char_indices().nth(LISTED_CHARS) {
            Some((end, _)) => format!("{}…", &value[..end]),
            None => value.to_owned(),
        };
        let mut listed: Vec<String> = values.iter().take(LISTED).map(|(_, value)| shown(value)).collect();
        if values.len() > LISTED {
            listed.push("…".to_owned());
        }
        if listed.is_empty() { String::new() } else { format!("; possible are {}", listed.join(", ")) }
    }

    /// Opens a list and those around it. Around an open list all are open, so none is looked at twice.
    fn open(&mut self, list: usize) {
        let mut list = Some(list);
        while let Some(number) = list.filter(|number| !self.is_open[*number]) {
            #[cfg(test)]
            {
                self.looks += 1;
            }
            self.is_open[number] = true;
            self.open.push(number);
            list = number.checked_sub(1).map(|option| self.tree.options[option].list);
        }
    }
}

#[cfg(test)]
mod tests {
    use denizen_domain::contact::MAX_LIST;
    use denizen_domain::ids::Uuid;
    use denizen_domain::permission::model::Rng;

    use super::*;

    fn option(value: &str, is_deactivated: bool, nested_options: Vec<SelectOption>) -> SelectOption {
        SelectOption {
            id: Uuid([0; 16]),
            label: value.to_owned(),
            value: value.to_owned(),
            is_deactivated,
            order_index: 0,
            nested_options,
        }
    }

    /// Says the same by going everywhere.
    fn leads_on(open: &[&[SelectOption]], chosen: &[&str], choosable: Choosable) -> bool {
        let Some((value, rest)) = chosen.split_first() else { return true };
        (0..open.len()).any(|depth| {
            open[depth].iter().any(|option| {
                let mut then = open[..=depth].to_vec();
                then.push(&option.nested_options);
                option.value == *value
                    && !(option.is_deactivated && choosable == Choosable::Active)
                    && leads_on(&then, rest, choosable)
            })
        })
    }

    fn any_options(rng: &mut Rng, depth: usize) -> Vec<SelectOption> {
        let number = if depth == 0 { 0 } else { rng.below(4) };
        let any = |_| {
            let value = *rng.pick(&["a", "b", "c"]);
            let is_deactivated = rng.chance(15);
            let nested = any_options(rng, depth - 1);
            option(value, is_deactivated, nested)
        };
        (0..number).map(any).collect()
    }

    #[test]
    fn a_value_fits_if_there_is_a_way_through_the_options() {
        let mut rng = Rng::new(7_919);
        let (mut fitting, mut others) = (0, 0);
        for _ in 0..2_000 {
            let root = any_options(&mut rng, 4);
            let tree = OptionTree::new(&root);
            let chosen: Vec<&str> =
                (0..rng.below(6)).map(|_| *rng.pick(&["a", "b", "c", "a", "b", "d"])).collect();
            let owned: Vec<String> = chosen.iter().map(|&value| value.to_owned()).collect();
            for choosable in [Choosable::Active, Choosable::All] {
                let expected = leads_on(&[&root], &chosen, choosable);
                assert_eq!(tree.follow(&owned, choosable).is_ok(), expected, "{chosen:?} in {root:?}");
                *(if expected { &mut fitting } else { &mut others }) += 1;
            }
        }
        assert!(fitting > 500 && others > 500, "{fitting} fit and {others} do not");
    }

    /// Two options in each, down to the depth.
    fn forked(depth: usize) -> Vec<SelectOption> {
        if depth == 0 {
            return Vec::new();
        }
        ["a", "b"].map(|value| option(value, false, forked(depth - 1))).to_vec()
    }

    #[test]
    fn a_step_looks_at_each_option_and_each_list_once_at_most() {
        let alike: Vec<SelectOption> = (0..1_000).map(|_| option("a", false, Vec::new())).collect();
        let nested = vec![option("a", false, alike.clone()), option("b", false, alike.clone())];
        for root in [alike, nested, forked(9)] {
            let tree = OptionTree::new(&root);
            let mut walk = Walk::new(&tree);
            for step in 0..MAX_LIST {
                let before = walk.looks;
                walk.step(if step % 10 == 9 && tree.by_value.len() > 1 { "b" } else { "a" }, Choosable::All)
                    .unwrap();
                let looks = walk.looks - before;
                assert!(looks <= 2 * tree.options.len() + 1, "{looks} for {} options", tree.options.len());
            }
        }
    }
}
