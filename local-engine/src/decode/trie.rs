//! Closed lists of answers as a tree of tokens.

/// Index of a node; 0 is the root.
pub(crate) type Node = usize;

/// All answers of a closed list, merged at their common beginnings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trie {
    nodes: Vec<Branch>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Branch {
    /// Token and the node it leads to, ordered by token.
    next: Vec<(u32, Node)>,
    /// An answer is complete here.
    complete: bool,
}

impl Trie {
    /// The tree of `answers`, each a sequence of tokens without an end token.
    pub(crate) fn new(answers: impl IntoIterator<Item = Vec<u32>>) -> Self {
        let mut trie = Self {
            nodes: vec![Branch::default()],
        };
        for answer in answers {
            let end = answer
                .into_iter()
                .fold(0, |node, token| trie.grow(node, token));
            if let Some(branch) = trie.nodes.get_mut(end) {
                branch.complete = true;
            }
        }
        trie
    }

    fn grow(&mut self, node: Node, token: u32) -> Node {
        let new = self.nodes.len();
        let Some(branch) = self.nodes.get_mut(node) else {
            return node;
        };
        match branch
            .next
            .binary_search_by_key(&token, |(token, _)| *token)
        {
            Ok(found) => branch.next.get(found).map_or(node, |(_, next)| *next),
            Err(place) => {
                branch.next.insert(place, (token, new));
                self.nodes.push(Branch::default());
                new
            }
        }
    }

    /// Tokens that go on from `node`, in order.
    pub(crate) fn tokens(&self, node: Node) -> impl Iterator<Item = u32> + '_ {
        self.nodes
            .get(node)
            .into_iter()
            .flat_map(|branch| &branch.next)
            .map(|(token, _)| *token)
    }

    /// Whether an answer may end at `node`.
    pub(crate) fn complete(&self, node: Node) -> bool {
        self.nodes.get(node).is_some_and(|branch| branch.complete)
    }

    /// Where `token` leads from `node`.
    pub(crate) fn follow(&self, node: Node, token: u32) -> Option<Node> {
        let next = &self.nodes.get(node)?.next;
        let found = next
            .binary_search_by_key(&token, |(token, _)| *token)
            .ok()?;
        next.get(found).map(|(_, next)| *next)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    /// Every complete answer, by walking the tree.
    fn answers(trie: &Trie) -> BTreeSet<Vec<u32>> {
        let mut found = BTreeSet::new();
        let mut open = vec![(0, Vec::new())];
        while let Some((node, path)) = open.pop() {
            if trie.complete(node) {
                found.insert(path.clone());
            }
            for token in trie.tokens(node) {
                let mut longer = path.clone();
                longer.push(token);
                open.push((trie.follow(node, token).unwrap(), longer));
            }
        }
        found
    }

    #[test]
    fn one_answer_may_begin_another() {
        let trie = Trie::new([vec![1], vec![1, 2]]);
        let node = trie.follow(0, 1).unwrap();
        assert!(trie.complete(node));
        assert_eq!(trie.tokens(node).collect::<Vec<_>>(), [2]);
        assert_eq!(trie.follow(node, 3), None);
    }

    proptest! {
        #[test]
        fn holds_exactly_its_answers(
            list in proptest::collection::vec(proptest::collection::vec(0_u32..5, 0..5), 0..20)
        ) {
            let trie = Trie::new(list.clone());
            prop_assert_eq!(answers(&trie), list.into_iter().collect::<BTreeSet<_>>());
        }
    }
}
