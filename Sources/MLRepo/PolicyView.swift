package import Governance
package import ObjectModel

/// The policy of a store, and what is proposed for it.
package struct PolicyView: Sendable {
    /// What people call the store.
    package let place: String
    /// The store's own name.
    package let origin: String
    /// Nothing where there is none yet.
    package let policy: Policy?
    package let id: ObjectID?
    /// Those that could be in force next, in order of ids.
    package let proposals: [PolicyProposal]
}

/// A policy that somebody proposes.
package struct PolicyProposal: Sendable {
    package let id: ObjectID
    package let policy: Policy
    /// Who signed it, by the names that they have in it or in the one in force.
    package let signers: [String]
    /// How many roots of the policy in force signed it, and how many have to; nothing for the first policy.
    package let before: (count: Int, threshold: Int)?
    /// The same of the roots that it names itself.
    package let after: (count: Int, threshold: Int)

    /// Whether enough have signed it.
    package var isSigned: Bool {
        after.count >= after.threshold && before.map { $0.count >= $0.threshold } ?? true
    }
}

/// A version of a policy, and how it came into force.
package struct PolicyVersion: Sendable {
    package let policy: Policy
    package let id: ObjectID
    /// The entry that brought it, as ``AuditedEntry/number``; nothing if that is lost.
    package let entry: Int?
    package let event: Event?
    package let signers: [String]
}

/// What became of a proposal, or of a signature of one.
package struct PolicyOutcome: Sendable {
    package let place: String
    package let id: ObjectID
    package let policy: Policy
    /// Whether it is in force now.
    package let isInForce: Bool
    /// Without those whom it does not need any more.
    package let proposal: PolicyProposal
}

/// What a policy would have refused.
package struct PolicySimulation: Sendable {
    package let count: Int
    package let refused: [(number: Int, event: Event?, refusal: PolicyRefusal)]
}
