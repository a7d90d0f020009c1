using System.Runtime.CompilerServices;

namespace OptimSharp.Engine;

/// <summary>
/// What makes two parameters over plain memory the same one: the same numbers in the same place, whatever shape they are given.
/// </summary>
internal sealed class MemoryIdentity : IEquatable<MemoryIdentity>
{
    readonly object? owner; // an array, or what manages the memory; null for native memory
    readonly nint start;    // in the owner, or the address
    readonly long count;
    readonly ElementType type;
    readonly int hash;      // not by the owner's address: the garbage collector moves arrays

    public MemoryIdentity(object? owner, nint start, long count, ElementType type)
    {
        (this.owner, this.start, this.count, this.type) = (owner, start, count, type);
        hash = HashCode.Combine(RuntimeHelpers.GetHashCode(owner), start, count, type);
    }

    public bool Equals(MemoryIdentity? other) => other is not null && ReferenceEquals(owner, other.owner) && start == other.start && count == other.count && type == other.type;

    public override bool Equals(object? obj) => Equals(obj as MemoryIdentity);

    public override int GetHashCode() => hash;
}
