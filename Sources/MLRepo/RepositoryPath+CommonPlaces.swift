internal import ObjectModel

extension RepositoryPath {
    /// The directories in which some files lie, each with all of them that lie in or below it: the nearest to the files where there
    /// are few.
    static func commonPlaces(_ paths: [RepositoryPath]) -> [RepositoryPath] {
        var places = Set(paths)
        while places.count > 3 {
            let deepest = places.map { $0.names.count }.max() ?? 0
            // Names at the top are not put together.
            guard deepest > 1 else { break }
            places = Set(
                places.map { path in
                    path.names.count == deepest ? path.split?.directory ?? path : path
                })
            let all = places
            places = places.filter { path in !all.contains { $0 != path && path.isInside($0) } }
        }
        return places.sorted()
    }
}
