using System.Numerics;

namespace OptimSharp.Engine;

/// <summary>Places in memory, each with the number that it came with first: to find out which came several times. Kept between uses.</summary>
internal sealed class PlaceSet
{
    struct Slot
    {
        public Address Place;
        public int Number;
        public int Round; // the use in which it was filled
    }

    Slot[] slots = [];
    int round;
    bool holdsArrays;

    /// <summary>Forgets all places.</summary>
    /// <param name="capacity">How many may be added.</param>
    public void Begin(int capacity)
    {
        if (slots.Length < 2 * capacity || round == int.MaxValue)
            (slots, round) = (new Slot[BitOperations.RoundUpToPowerOf2((uint)Math.Max(16, 2 * capacity))], 0);
        round++;
    }

    /// <summary>Adds a place with a number; returns the number with which it was added first.</summary>
    public int Add(Address place, int number)
    {
        for (uint i = (uint)place.GetHashCode(); ; i++)
        {
            ref var slot = ref slots[i & (uint)(slots.Length - 1)];
            if (slot.Round != round)
            {
                slot = new() { Place = place, Number = number, Round = round };
                holdsArrays |= place.IsArray;
                return number;
            }
            if (slot.Place == place)
                return slot.Number;
        }
    }

    /// <summary>Lets go of arrays.</summary>
    public void Clear()
    {
        if (holdsArrays)
            Array.Clear(slots);
        holdsArrays = false;
    }
}
